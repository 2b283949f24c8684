/* SPDX-License-Identifier: MIT */
#include "verify/check.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "os/os.h"
#include "registry/model.h"
#include "registry/moving.h"
#include "registry/write.h"

#include <errno.h>
#include <string.h>

/* One verify under way. */
struct verify {
	struct ncm_verify_report *report;
	const struct ncm_reg_model **models; /* chosen */
	size_t model_count;
	struct check *checks;
	size_t check_count;
	size_t *check_of; /* of each file of the report */
};

static bool has_digest(const struct ncm_reg_file *file)
{
	return !ncm_sha256_is_zero(&file->sha256);
}

/* A path that several models name is one check. */
static void add_file(struct verify *verify, json_t *seen, const struct ncm_reg_model *model,
		     const struct ncm_reg_file *file)
{
	const json_t *place = json_object_get(seen, file->abs);
	const size_t index = place ? (size_t)json_integer_value(place) : verify->check_count;
	struct ncm_verify_file *out;
	size_t files = verify->report->count;

	if (!place) {
		struct check *check = NCM_PUSH(verify->checks, verify->check_count);

		check->path = file->abs;
		check->follow = file->target != NULL;
		check->model = model->id;
		check->twin = index;
		json_object_set_new_nocheck(seen, file->abs, json_integer((json_int_t)index));
	}
	*NCM_PUSH(verify->check_of, files) = index;
	out = NCM_PUSH(verify->report->files, verify->report->count);
	out->model = model;
	out->file = file;
}

static void collect(struct verify *verify)
{
	NCM_AUTO_JSON json_t *seen = json_object();

	for (size_t i = 0; i < verify->model_count; i++) {
		const struct ncm_reg_model *model = verify->models[i];

		/* A sidecar is there to be edited by the application. */
		for (size_t k = 0; k < model->file_count; k++) {
			if (!registry_is_sidecar(&model->files[k]))
				add_file(verify, seen, model, &model->files[k]);
		}
	}
}

/* Only bytes that could be right are worth reading. */
static void look(struct verify *verify, bool quick)
{
	for (size_t i = 0; i < verify->check_count; i++)
		check_look(&verify->checks[i]);
	for (size_t i = 0; i < verify->report->count && !quick; i++) {
		const struct ncm_reg_file *file = verify->report->files[i].file;
		struct check *check = &verify->checks[verify->check_of[i]];

		if (check->failure || !check->regular || !has_digest(file) || check->size != file->size)
			continue;
		check->to_hash = true;
		if (!check->expected)
			check->expected = &file->sha256;
	}
	checks_find_twins(verify->checks, verify->check_count);
}

static char *damage_text(const struct check *check, const struct ncm_reg_file *file)
{
	char is[NCM_SHA256_HEX + 1], was[NCM_SHA256_HEX + 1];
	struct ncm_buffer text = {0};

	ncm_buffer_printf(&text, "has sha256 %s, models.json says %s", ncm_sha256_hex(&check->sha256, is),
			  ncm_sha256_hex(&file->sha256, was));
	checks_tell_ranges(check->damaged, check->damaged_count, &text);
	return ncm_buffer_take(&text);
}

static enum ncm_verdict verdict(struct ncm_verify_file *out, enum ncm_verdict is, char *detail)
{
	out->detail = detail;
	return is;
}

static enum ncm_verdict judge_bytes(const struct check *check, bool quick, struct ncm_verify_file *out)
{
	const struct ncm_reg_file *file = out->file;

	if (check->failure == ENOENT || check->failure == ENOTDIR)
		return verdict(out, NCM_VERDICT_MISSING,
			       ncm_strdup(check->follow ? "is not there, or leads to nothing" : "is not there"));
	if (check->failure)
		return verdict(out, NCM_VERDICT_UNREADABLE, ncm_strdup(os_error_text(check->failure)));
	if (check->link)
		return verdict(out, NCM_VERDICT_UNREADABLE,
			       ncm_strdup("is not a regular file but a link now: `ncmodel adopt` records it as one"));
	if (!check->regular)
		return verdict(out, NCM_VERDICT_UNREADABLE, ncm_strdup("is not a regular file"));
	if (!has_digest(file))
		return verdict(out, NCM_VERDICT_OK, ncm_strdup("is there; models.json has no digest of it"));
	if (check->size != file->size)
		return verdict(out, NCM_VERDICT_SIZE,
			       ncm_asprintf("has %llu bytes, models.json says %llu", (unsigned long long)check->size,
					    (unsigned long long)file->size));
	if (quick && file->mtime_ns != 0 && check->mtime_ns != file->mtime_ns)
		return verdict(out, NCM_VERDICT_CHANGED,
			       ncm_strdup("was written to after it was recorded; its size is right"));
	if (!quick && !ncm_sha256_equal(&check->sha256, &file->sha256)) {
		for (size_t i = 0; i < check->damaged_count; i++)
			*NCM_PUSH(out->damaged, out->damaged_count) = check->damaged[i];
		return verdict(out, NCM_VERDICT_DAMAGED, damage_text(check, file));
	}
	return NCM_VERDICT_OK;
}

/* A manifest of Ollama's may be there in another form. */
static enum ncm_verdict judge(const struct check *check, bool quick, struct ncm_verify_file *out)
{
	const enum ncm_verdict bytes = judge_bytes(check, quick, out);
	char *detail = NULL;

	if (!has_digest(out->file) || !verify_manifest_is_held(out->model, out->file, &detail) ||
	    (bytes == NCM_VERDICT_OK && !detail)) {
		free(detail);
		return bytes;
	}
	free(out->detail);
	free(out->damaged);
	out->damaged = NULL;
	out->damaged_count = 0;
	return verdict(out, NCM_VERDICT_OK, detail);
}

enum ncm_verdict verify_look(const struct ncm_reg_model *model, const struct ncm_reg_file *file)
{
	struct check check = {.path = file->abs, .follow = file->target != NULL};
	struct ncm_verify_file out = {.model = model, .file = file};
	enum ncm_verdict verdict;

	check_look(&check);
	verdict = judge(&check, true, &out);
	free(out.detail);
	return verdict;
}

/* A store that has another folder now may have been moved with all that is in it. */
static void tell_moved(const struct ncm_layout *layout, struct ncm_verify_file *out)
{
	const struct ncm_store *store =
	    out->verdict == NCM_VERDICT_MISSING ? ncm_layout_moved(layout, out->file->abs, out->file->store) : NULL;

	if (!store)
		return;
	free(out->detail);
	out->detail =
	    ncm_asprintf("is not there; the store \"%s\" lies at %s now: if it was moved, `ncmodel adopt` finds it",
			 store->id, store->path);
}

static void judge_all(struct verify *verify, const struct ncm_layout *layout)
{
	struct ncm_verify_report *report = verify->report;
	size_t at = 0;

	report->models = verify->model_count;
	for (size_t i = 0; i < verify->model_count; i++) {
		bool ok = true;

		for (; at < report->count && report->files[at].model == verify->models[i]; at++) {
			const struct check *check = &verify->checks[verify->check_of[at]];
			struct ncm_verify_file *out = &report->files[at];

			out->size_found = check->regular ? check->size : 0;
			if (check->hashed)
				out->sha256_found = check->sha256;
			out->verdict = judge(check, report->quick, out);
			tell_moved(layout, out);
			ok = ok && out->verdict == NCM_VERDICT_OK;
		}
		report->models_ok += ok;
	}
}

/* Of one model's files. Damage outweighs absence. NULL: a file without a digest, or one that cannot be read, was not
 * proved to be anything. */
static const char *result_of(const struct ncm_verify_report *report, size_t first, size_t end)
{
	bool damaged = false, missing = false, unknown = false;

	for (size_t i = first; i < end; i++) {
		const struct ncm_verify_file *file = &report->files[i];

		if (file->verdict == NCM_VERDICT_MISSING)
			missing = true;
		else if (file->verdict == NCM_VERDICT_UNREADABLE || !has_digest(file->file))
			unknown = true;
		else
			damaged = damaged || file->verdict != NCM_VERDICT_OK;
	}
	return damaged ? "damaged" : missing ? "missing" : unknown ? NULL : "ok";
}

/* What was read and found right need not be read again by the next pull, though its mtime is another. */
static int touch_right(const struct verify *verify, struct ncm_error *err)
{
	const struct ncm_verify_report *report = verify->report;
	NCM_AUTO_FREE struct ncm_reg_touch *touches = NULL;
	size_t count = 0;

	for (size_t i = 0; i < report->count; i++) {
		const struct ncm_verify_file *file = &report->files[i];
		const struct check *check = &verify->checks[verify->check_of[i]];

		if (file->verdict == NCM_VERDICT_OK && check->hashed &&
		    ncm_sha256_equal(&check->sha256, &file->file->sha256) && file->file->mtime_ns != check->mtime_ns)
			*NCM_PUSH(touches, count) =
			    (struct ncm_reg_touch){file->model->id, file->file->abs, check->mtime_ns};
	}
	return count > 0 ? ncm_registry_touch_all(report->registry->path, touches, count, err) : 0;
}

/* That the results cannot be written does not make them less true: a warning. */
static void write_back(const struct verify *verify, const struct ncm_sink *sink)
{
	NCM_AUTO_FREE const char **ids = ncm_calloc(verify->model_count + 1, sizeof *ids);
	NCM_AUTO_FREE const char **results = ncm_calloc(verify->model_count + 1, sizeof *results);
	const char *path = verify->report->registry->path;
	struct ncm_error err = NCM_ERROR_INIT;
	size_t count = 0, end = 0;

	for (size_t i = 0; i < verify->model_count; i++) {
		const size_t first = end;
		const char *result;

		while (end < verify->report->count && verify->report->files[end].model == verify->models[i])
			end++;
		result = result_of(verify->report, first, end);
		if (!result)
			continue;
		ids[count] = verify->models[i]->id;
		results[count++] = result;
	}
	if (count > 0 && (ncm_registry_mark(path, ids, results, count, &err) < 0 || touch_right(verify, &err) < 0))
		ncm_emit_text(sink, NCM_EVENT_WARNING, "the results are not recorded: %s", err.message);
	ncm_error_clear(&err);
}

/* The home of the store whose path is the longest that `path` lies below, or -1. */
static int store_of(const struct ncm_layout *layout, const int *dirfds, const char *path)
{
	size_t longest = 0;
	int dirfd = -1;

	for (size_t i = 0; i < layout->count; i++) {
		const size_t size = strlen(layout->stores[i].path);

		if (size > longest && strncmp(path, layout->stores[i].path, size) == 0 && path[size] == '/') {
			longest = size;
			dirfd = dirfds[i];
		}
	}
	return dirfd;
}

static int home_of(const struct ncm_store *store)
{
	NCM_AUTO_CLOSE int dirfd = ncm_store_peek(store);

	return dirfd < 0 ? -1 : ncm_store_home(store, dirfd);
}

static void hash(struct verify *verify, const struct ncm_layout *layout, const struct ncm_sink *sink)
{
	NCM_AUTO_FREE int *dirfds = ncm_calloc(layout->count + 1, sizeof *dirfds);

	for (size_t i = 0; i < layout->count; i++)
		dirfds[i] = home_of(&layout->stores[i]);
	for (size_t i = 0; i < verify->check_count; i++)
		verify->checks[i].store_dirfd = store_of(layout, dirfds, verify->checks[i].path);
	verify->report->bytes = checks_hash(verify->checks, verify->check_count, sink);
	for (size_t i = 0; i < layout->count; i++) {
		if (dirfds[i] >= 0)
			os_close(dirfds[i]);
	}
}

static int check_all(struct verify *verify, const struct ncm_layout *layout, const struct ncm_sink *sink,
		     struct ncm_error *err)
{
	struct ncm_verify_report *report = verify->report;

	for (size_t i = 0; i < verify->model_count; i++)
		verify_add_blobs(report, &report->registry->models[verify->models[i] - report->registry->models]);
	collect(verify);
	look(verify, report->quick);
	if (!report->quick)
		hash(verify, layout, sink);
	if (ncm_interrupted())
		return ncm_error_set(err, NCM_E_INTERRUPTED, "interrupted: not all files were checked");
	judge_all(verify, layout);
	if (!report->quick)
		write_back(verify, sink);
	verify_find_extra(layout, report->registry, verify->models, verify->model_count, &report->extra);
	return 0;
}

static int run(struct verify *verify, const struct ncm_config *config, const struct ncm_sink *sink,
	       struct ncm_error *err)
{
	struct ncm_layout *layout = moving_layout(config, err);
	int failed;

	if (!layout)
		return -1;
	failed = check_all(verify, layout, sink, err);
	ncm_layout_free(layout);
	return failed;
}

struct ncm_verify_report *ncm_verify(const struct ncm_config *config, const struct ncm_selector *selector, bool quick,
				     const struct ncm_sink *sink, struct ncm_error *err)
{
	const double start = ncm_monotonic();
	struct ncm_verify_report *report = ncm_calloc(1, sizeof *report);
	struct verify verify = {.report = report};
	int failed = -1;

	report->quick = quick;
	report->registry = ncm_registry_load(config, err);
	if (report->registry)
		failed = ncm_registry_select(report->registry, selector, &verify.models, &verify.model_count, err);
	if (!failed)
		failed = run(&verify, config, sink, err);
	free(verify.models);
	checks_free(verify.checks, verify.check_count);
	free(verify.check_of);
	report->seconds = ncm_monotonic() - start;
	if (failed) {
		ncm_verify_free(report);
		return NULL;
	}
	return report;
}
