/* SPDX-License-Identifier: MIT */
/* What is shown of a bundle. */
#include "bundle_view.h"

#include "ui/fields.h"
#include "ui/text.h"

#include <ncmodel/text.h>
#include <stdio.h>

static json_t *state_json(const void *row)
{
	return json_string(ncm_bundle_state_name(((const struct ncm_bundle_file *)row)->state));
}

#define OF(field) .offset = offsetof(struct ncm_bundle_file, field)
static const struct field file_fields[] = {
    {"path", FIELD_TEXT, OF(path)},       {"role", FIELD_TEXT, OF(role)},
    {"size", FIELD_BYTES, OF(size)},      {"reused", FIELD_BYTES, OF(reused)},
    {"sha256", FIELD_DIGEST, OF(sha256)}, {"state", FIELD_MADE, .value = state_json},
    {"reason", FIELD_TEXT, OF(why)},      {.key = NULL},
};

static json_t *volume_state_json(const void *row)
{
	return json_string(ncm_bundle_state_name(((const struct ncm_bundle_volume *)row)->state));
}

#define OF_VOLUME(field) .offset = offsetof(struct ncm_bundle_volume, field)
static const struct field volume_fields[] = {
    {"path", FIELD_TEXT, OF_VOLUME(path)},
    {"size", FIELD_BYTES, OF_VOLUME(size)},
    {"state", FIELD_MADE, .value = volume_state_json},
    {"reason", FIELD_TEXT, OF_VOLUME(why)},
    {.key = NULL},
};

json_t *bundle_json(const struct ncm_bundle *bundle)
{
	json_t *object = json_object();

	json_put_text(object, "path", bundle->path);
	json_put_number(object, "size", bundle->size);
	json_put_number(object, "reused", bundle->reused);
	json_put_number(object, "copied", bundle->copied);
	json_put_number(object, "bad", bundle->bad);
	json_put(object, "models", json_words(&bundle->models));
	json_put(object, "left_out", json_words(&bundle->left_out));
	json_put_number(object, "assumed", bundle->assumed_count);
	json_put(object, "volumes",
		 fields_array(volume_fields, bundle->volumes, bundle->volume_count, sizeof *bundle->volumes));
	json_put(object, "files", fields_array(file_fields, bundle->files, bundle->count, sizeof *bundle->files));
	return object;
}

static void print_volumes(const struct ncm_bundle *bundle)
{
	for (size_t i = 0; i < bundle->volume_count; i++) {
		AUTO_FREE char *path = text_safe_path(bundle->volumes[i].path);
		char size[32];

		print_line(stdout, "%s  %s", path, ncm_format_size(bundle->volumes[i].size, size, sizeof size));
	}
}

void bundle_tell_created(const struct session *session, const struct ncm_bundle *bundle)
{
	AUTO_FREE char *path = text_safe_path(bundle->path);
	char size[32], copied[32], reused[32];

	for (size_t i = 0; i < bundle->left_out.count; i++) {
		AUTO_FREE char *text = text_format("left out: %s", bundle->left_out.items[i]);

		report_warning(&session->report, text);
	}
	if (!session_prints(session))
		return;
	if (bundle->volume_count > 0)
		print_volumes(bundle);
	if (bundle->assumed_count > 0)
		print_line(stdout, "Without %zu %s that the lock pins.", bundle->assumed_count,
			   text_plural(bundle->assumed_count, "file", "files"));
	if (bundle->reused > 0)
		print_line(stdout, "Without %s that older versions have over there.",
			   ncm_format_size(bundle->reused, reused, sizeof reused));
	print_line(stdout, "Bundle %s: %zu %s in %zu files, %s; %s of it copied now.", path, bundle->models.count,
		   text_plural(bundle->models.count, "model", "models"), bundle->count,
		   ncm_format_size(bundle->size, size, sizeof size),
		   ncm_format_size(bundle->copied, copied, sizeof copied));
}

static void print_bad(const struct ncm_bundle *bundle)
{
	for (size_t i = 0; i < bundle->volume_count; i++) {
		const struct ncm_bundle_volume *volume = &bundle->volumes[i];
		AUTO_FREE char *path = text_safe_path(volume->path);
		AUTO_FREE char *why = text_safe_path(volume->why ? volume->why : "");

		if (volume->state != NCM_BUNDLE_OK)
			print_line(stdout, "%s  %s: %s", ncm_bundle_state_name(volume->state), path, why);
	}
	for (size_t i = 0; i < bundle->count; i++) {
		const struct ncm_bundle_file *file = &bundle->files[i];
		AUTO_FREE char *path = text_safe_path(file->path);
		AUTO_FREE char *why = text_safe_path(file->why);

		if (file->state != NCM_BUNDLE_OK)
			print_line(stdout, "%s  %s: %s", ncm_bundle_state_name(file->state), path, why);
	}
}

static void hint_at_volumes(const struct ncm_bundle *bundle, struct ncm_error *err)
{
	size_t missing = 0;

	for (size_t i = 0; i < bundle->volume_count; i++)
		missing += bundle->volumes[i].state == NCM_BUNDLE_MISSING;
	if (missing > 0)
		ncm_error_hint(err, "give the missing volumes, too, or the folder that has all");
	else
		ncm_error_hint(err, "copy these volumes again; the `ncmodel bundle create FILE.tar` that made them "
				    "makes anew what is not right, and nothing else");
}

int bundle_tell_checked(struct session *session, const struct ncm_bundle *bundle)
{
	struct ncm_error err = NCM_ERROR_INIT;
	char size[32];

	if (session_prints(session))
		print_bad(bundle);
	if (bundle->bad > 0) {
		ncm_error_set(&err, NCM_E_DAMAGED, "%zu of %zu files of %s are not right", bundle->bad,
			      bundle->count + bundle->volume_count, bundle->path);
		if (bundle->volume_count > 0)
			hint_at_volumes(bundle, &err);
		else
			ncm_error_hint(&err,
				       "copy them again; `ncmodel bundle create %s` where the models are copies what "
				       "is not right, and nothing else",
				       bundle->path);
		return session_fail(session, &err);
	}
	if (session_prints(session))
		print_line(stdout, "All %zu files (%s) are right.", bundle->count,
			   ncm_format_size(bundle->size - bundle->reused, size, sizeof size));
	if (session_prints(session) && bundle->reused > 0)
		print_line(stdout, "%s more of them are to come from older versions where they are imported.",
			   ncm_format_size(bundle->reused, size, sizeof size));
	return 0;
}

void bundle_warn_of_bad(const struct session *session, const struct ncm_bundle *bundle)
{
	for (size_t i = 0; i < bundle->volume_count; i++) {
		AUTO_FREE char *text = text_format("%s: %s", bundle->volumes[i].path, bundle->volumes[i].why);

		if (bundle->volumes[i].why)
			report_warning(&session->report, text);
	}
	for (size_t i = 0; i < bundle->count; i++) {
		AUTO_FREE char *text = text_format("%s: %s", bundle->files[i].path, bundle->files[i].why);

		if (bundle->files[i].why)
			report_warning(&session->report, text);
	}
}
