/* SPDX-License-Identifier: MIT */
/* What every row of the table of kinds has to be, whichever comes next; and where LM Studio's files lie. */
#include "base/mem.h"
#include "store/names.h"
#include "store/store.h"

#include "check.h"

#include <string.h>

#define KIND(name) &ncm_kind_##name,
static const struct ncm_store_kind *const kinds[] = {NCM_EACH_STORE_KIND(KIND)};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void each_is_found_by_its_name(void)
{
	NCM_AUTO_FREE char *names = ncm_store_kind_names();

	for (size_t i = 0; i < KINDS; i++) {
		NCM_AUTO_FREE char *quoted = ncm_asprintf("\"%s\"", kinds[i]->name);

		CHECK(ncm_store_kind_named(kinds[i]->name) == kinds[i]);
		CHECK(strstr(names, quoted) != NULL);
	}
	CHECK(!ncm_store_kind_named("") && !ncm_store_kind_named("Folders"));
}

/* Rooms ask for these without looking whether they are there. */
static void each_has_what_it_promises(void)
{
	for (size_t i = 0; i < KINDS; i++) {
		const struct ncm_store_kind *kind = kinds[i];

		CHECK(!kind->by_digest || (kind->blobs && kind->blob_key && kind->unread));
		CHECK(!kind->by_digest || (kind->place && kind->check));
		CHECK(!kind->takes_tags || (kind->give_name && kind->is_tag && kind->blob_of));
		CHECK(!kind->list_blobs || !kind->blob_of);
		CHECK(!kind->names || (kind->keeps_repositories && kind->admits && kind->place));
		CHECK(!kind->names || (kind->names->find_bytes && kind->names->is_named && kind->names->give &&
				       kind->names->refer && kind->names->guard));
	}
}

static void a_blob_and_its_key_lead_to_each_other(void)
{
	struct ncm_sha256 digest = {{1, 2, 3}};
	char blob[80];

	for (size_t i = 0; i < KINDS; i++) {
		const struct ncm_store_kind *kind = kinds[i];

		if (!kind->blob_of)
			continue;
		kind->blob_of(&digest, blob);
		{
			const char *key = kind->blob_key(blob);
			NCM_AUTO_FREE char *path = key && kind->blob_path ? kind->blob_path(key) : NULL;

			CHECK(key != NULL);
			CHECK_STR(path, blob);
			CHECK(!kind->is_partial || !kind->is_partial(blob));
		}
	}
}

static const struct ncm_store lmstudio = {.id = (char *)"lm", .kind = &ncm_kind_lmstudio, .path = (char *)"/lm"};

/* NULL: refused. */
static void check_place(const struct ncm_store_offer *offer, const char *expected)
{
	struct ncm_error err = NCM_ERROR_INIT;
	NCM_AUTO_FREE char *path = ncm_store_place(&lmstudio, offer, &err);

	CHECK((path == NULL) == (expected == NULL));
	if (path && expected)
		CHECK_STR(path, expected);
	CHECK(path || (err.code == NCM_E_POLICY && err.hint));
	ncm_error_clear(&err);
}

static void lm_studio_has_two_folders(void)
{
	check_place(&(struct ncm_store_offer){.name = "m.gguf", .repository = "o/r", .path = "q/m.gguf"}, "o/r/m.gguf");
	check_place(
	    &(struct ncm_store_offer){.name = "r/q/m.gguf", .repository = "o/r", .path = "q/m.gguf", .is_part = true},
	    "o/r/m.gguf");
	check_place(&(struct ncm_store_offer){.name = "m.gguf", .repository = "gpt2", .path = "m.gguf"},
		    "imported-models/gpt2/m.gguf");
	check_place(&(struct ncm_store_offer){.name = "m-Q4.gguf"}, "imported-models/m-Q4/m-Q4.gguf");
	check_place(
	    &(struct ncm_store_offer){
		.name = "r/m.safetensors", .repository = "o/r", .path = "m.safetensors", .is_part = true},
	    "o/r/m.safetensors");
	check_place(&(struct ncm_store_offer){.name = "a/b/c.gguf", .is_spelled = true}, "a/b/c.gguf");
	check_place(&(struct ncm_store_offer){.name = "c.gguf", .repository = "o/r", .is_spelled = true}, "o/r/c.gguf");
}

static void lm_studio_is_spared_what_it_does_not_show(void)
{
	check_place(&(struct ncm_store_offer){.name = "a/b.gguf", .is_spelled = true}, NULL);
	check_place(&(struct ncm_store_offer){.name = "a/b/c/d.gguf", .is_spelled = true}, NULL);
	check_place(&(struct ncm_store_offer){.name = "m.safetensors", .repository = "o/r"}, NULL);
	check_place(&(struct ncm_store_offer){.name = "r/m.bin", .repository = "o/r", .path = "m.bin", .is_part = true},
		    NULL);
	check_place(&(struct ncm_store_offer){.name = "download"}, NULL);
}

static void check_guess(const char *relative, const char *expected)
{
	NCM_AUTO_FREE char *guess = ncm_kind_lmstudio.guess(relative);

	CHECK((guess == NULL) == (expected == NULL));
	if (guess && expected)
		CHECK_STR(guess, expected);
}

static void its_folders_are_a_guess(void)
{
	check_guess("o/r/m.gguf", "o/r");
	check_guess("imported-models/r/m.gguf", NULL);
	check_guess("m.gguf", NULL);
	check_guess("o/m.gguf", NULL);
	check_guess("o/r/deep/m.gguf", NULL);
}

int main(void)
{
	RUN(each_is_found_by_its_name);
	RUN(each_has_what_it_promises);
	RUN(a_blob_and_its_key_lead_to_each_other);
	RUN(lm_studio_has_two_folders);
	RUN(lm_studio_is_spared_what_it_does_not_show);
	RUN(its_folders_are_a_guess);
	return 0;
}
