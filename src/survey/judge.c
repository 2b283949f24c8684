/* SPDX-License-Identifier: MIT */
/*
 * What is to be said of each file: first what its place says (settled), then its size, then its digest, which is the
 * last word, and where nothing tells that, the structure of its header.
 */
#include "survey/work.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "os/os.h"
#include "verify/check.h"

#include <string.h>

static bool is_digest_right(const struct ncm_survey_file *file, const struct clue *clue)
{
	if (clue->has_git_sha1)
		return !clue->git_differs;
	return ncm_sha256_equal(&file->sha256, &file->expected);
}

/* "its name", "its manifest" … as the sentence goes on. */
static const char *teller(const char *told_by)
{
	static const struct {
		const char *told_by, *words;
	} tellers[] = {{"name", "its name is"},
		       {"listing", "the listing of its commit says"},
		       {"sidecar", "its sidecar says"},
		       {"cache.json", "cache.json says"},
		       {"models.json", "models.json says"}};

	for (size_t i = 0; i < sizeof tellers / sizeof *tellers; i++) {
		if (strcmp(told_by, tellers[i].told_by) == 0)
			return tellers[i].words;
	}
	return told_by;
}

static char *digest_text(const struct ncm_survey_file *file, const struct clue *clue)
{
	char is[NCM_SHA256_HEX + 1], was[NCM_SHA256_HEX + 1];
	struct ncm_buffer text = {0};

	if (clue->has_git_sha1)
		ncm_buffer_printf(&text, "has another git sha1 than %s, which %s", ncm_sha1_hex(&clue->git_sha1, was),
				  strcmp(file->told_by, "name") == 0 ? "is its name"
								     : "the listing of its commit says");
	else
		ncm_buffer_printf(&text, "has sha256 %s, %s %s", ncm_sha256_hex(&file->sha256, is),
				  teller(file->told_by), ncm_sha256_hex(&file->expected, was));
	checks_tell_ranges(file->damaged, file->damaged_count, &text);
	return ncm_buffer_take(&text);
}

static void judge_size(struct work *work, size_t index)
{
	const struct ncm_survey_file *file = &work->survey->files[index];
	const bool is_short = file->size < file->expected_size;

	survey_settle(work, index, is_short ? NCM_SURVEY_TRUNCATED : NCM_SURVEY_DAMAGED,
		      ncm_asprintf("has %llu bytes, and should have %llu", (unsigned long long)file->size,
				   (unsigned long long)file->expected_size));
}

static void judge_structure(struct work *work, size_t index)
{
	const struct ncm_facts *facts = &work->clues[index].facts;

	if (work->depth < NCM_SURVEY_HEADERS || !work->clues[index].is_model)
		return;
	if (facts->soundness == NCM_TRUNCATED)
		survey_settle(work, index, NCM_SURVEY_TRUNCATED, ncm_strdup_null(facts->fault));
	else if (facts->soundness == NCM_BROKEN || facts->soundness == NCM_FOREIGN)
		survey_settle(work, index, NCM_SURVEY_DAMAGED, ncm_strdup_null(facts->fault));
}

/* The source is that of the file which it is compared with; it is proved by the digest that is met, and by nothing
 * else. */
static void settle_source(struct work *work, size_t index, const struct ncm_survey_claim *claim, bool met)
{
	struct ncm_survey_model *model = &work->survey->models[work->clues[index].model];
	struct ncm_reg_model *entry = &model->entry;

	if (!model->source_is_hearsay || model->file_count != 1)
		return;
	model->source_is_hearsay = !met;
	if (!claim->source)
		return;
	free(entry->source);
	free(entry->revision);
	entry->source = ncm_strdup(claim->source);
	entry->revision = ncm_strdup_null(claim->revision);
}

/* What it is compared with from here on. */
static void settle_claim(struct work *work, size_t index, const struct ncm_survey_claim *claim, bool met)
{
	struct ncm_survey_file *file = &work->survey->files[index];

	file->expected = claim->sha256;
	file->has_expected = true;
	file->told_by = claim->told_by;
	if (work->clues[index].model != NO_MODEL)
		settle_source(work, index, claim, met);
	if (met && claim->which && !file->detail)
		file->detail = ncm_asprintf("as %s in its sidecar", claim->which);
}

/* Sidecars stay behind when a file is edited or replaced: against a sound file their word is not damage. */
static void judge_hearsay(struct work *work, size_t index)
{
	struct ncm_survey_file *file = &work->survey->files[index];

	settle_claim(work, index, claim_nearest(file, &work->clues[index].facts, &file->claim_is_open), false);
	judge_structure(work, index);
	if (file->state != NCM_SURVEY_OK)
		return;
	survey_settle(work, index, NCM_SURVEY_DIFFERS, claim_difference(file, &work->clues[index].facts));
}

/* A digest that is met beats every other sign, but for one that was taken of whatever was there. */
static void judge_digest(struct work *work, size_t index)
{
	struct ncm_survey_file *file = &work->survey->files[index];
	const struct clue *clue = &work->clues[index];
	const struct ncm_survey_claim *met = claim_met(file);

	file->state = NCM_SURVEY_OK;
	if (met) {
		settle_claim(work, index, met, true);
		/* A tool may have taken its digest of what was cut already. */
		judge_structure(work, index);
		return;
	}
	if (file->claim_count > 0 && claim_is_all(file)) {
		judge_hearsay(work, index);
		return;
	}
	if (is_digest_right(file, clue) && !clue->first_use)
		return;
	judge_structure(work, index);
	if (file->state == NCM_SURVEY_OK && !is_digest_right(file, clue))
		survey_settle(work, index, NCM_SURVEY_DAMAGED, digest_text(file, clue));
}

static void judge(struct work *work, size_t index)
{
	struct ncm_survey_file *file = &work->survey->files[index];
	const struct clue *clue = &work->clues[index];

	if (clue->settled)
		return;
	if (clue->failure) {
		survey_settle(work, index, NCM_SURVEY_UNREADABLE, ncm_strdup(os_error_text(clue->failure)));
	} else if (file->has_expected_size && file->size != file->expected_size) {
		judge_size(work, index);
	} else if (clue->judged && (!file->told_by || is_digest_right(file, clue))) {
		file->state = NCM_SURVEY_OK;
	} else if ((clue->hashed || clue->judged) && file->told_by) {
		judge_digest(work, index);
	} else {
		judge_structure(work, index);
	}
}

static unsigned gravity(enum ncm_survey_state state)
{
	static const unsigned gravities[] = {
	    [NCM_SURVEY_OK] = 0,         [NCM_SURVEY_UNREFERENCED] = 1, [NCM_SURVEY_ORPHANED] = 2,
	    [NCM_SURVEY_UNPROVED] = 3,   [NCM_SURVEY_DIFFERS] = 4,      [NCM_SURVEY_PARTIAL] = 5,
	    [NCM_SURVEY_UNREADABLE] = 6, [NCM_SURVEY_TRUNCATED] = 7,    [NCM_SURVEY_DAMAGED] = 8,
	    [NCM_SURVEY_MISSING] = 9,
	};

	return gravities[state];
}

void survey_judge(struct work *work)
{
	for (size_t i = 0; i < work->survey->file_count; i++)
		judge(work, i);
	for (size_t i = 0; i < work->survey->model_count; i++) {
		struct ncm_survey_model *model = &work->survey->models[i];

		model->state = NCM_SURVEY_OK;
		for (size_t k = 0; k < model->file_count; k++) {
			const enum ncm_survey_state state = work->survey->files[model->files[k]].state;

			if (gravity(state) > gravity(model->state))
				model->state = state;
		}
	}
}
