/* SPDX-License-Identifier: MIT */
/*
 * A libFuzzer target: whatever a header says, how much memory the model needs is counted to an end, and no sum is less
 * than its parts. FUZZ_FORMAT is 0 for GGUF, 1 for a config.json beside a safetensors file. scripts/fuzz builds and
 * runs them.
 */
#include "demand.h"

#include "base/file.h"
#include "inspect/work.h"

#include <ncmodel/fit.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const char weights[] =
    "\x47\0\0\0\0\0\0\0{\"model.layers.0.w\":{\"dtype\":\"F16\",\"shape\":[2,2],\"data_offsets\":[0,8]}}";

static void check_parts(const struct ncm_fit_parts *parts)
{
	const uint64_t sum = ncm_fit_sum(parts);
	const uint64_t all[] = {parts->weights, parts->kv,        parts->state, parts->compute,
				parts->output,  parts->projector, parts->driver};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		demand(sum >= all[i], "a sum is no less than its parts");
}

static void count(const struct ncm_inspection *model, const struct ncm_fit_wish *wish)
{
	struct ncm_fit fit = {0};

	ncm_fit_count(model, NULL, wish, &fit);
	check_parts(&fit.card);
	check_parts(&fit.host);
	demand(fit.layers_on_card <= fit.layers || fit.layers == 0, "no more layers are on the card than there are");
	ncm_fit_clear(&fit);
}

static void count_all(const struct ncm_inspection *model)
{
	struct ncm_fit_wish wish;
	const uint64_t room = UINT64_C(8) << 30;

	ncm_fit_wish_default(&wish);
	count(model, &wish);
	wish.context = 1 << 20;
	wish.sequences = 64;
	wish.kv_type = "q8_0";
	wish.flash = false;
	wish.swa_full = true;
	wish.experts_on_host = true;
	wish.layers = 3;
	count(model, &wish);
	ncm_fit_wish_default(&wish);
	(void)ncm_fit_layers(model, NULL, &wish, room);
	(void)ncm_fit_context(model, NULL, &wish, room);
}

static void read_bytes(struct ncm_inspection *inspection, const char *name, const char *bytes, size_t size)
{
	const struct ncm_piece piece = {bytes, size};
	const struct ncm_bytes source = ncm_bytes_of_piece(&piece);

	(void)inspection_add(inspection, name, NULL);
	demand(inspect_read(inspection, &source, NULL) == 0, "memory can be read");
}

static void read_gguf(struct ncm_inspection *inspection, const unsigned char *data, size_t size)
{
	char *bytes = malloc(size + 4);

	demand(bytes != NULL, "there is memory");
	memcpy(bytes, "GGUF", 4);
	memcpy(bytes + 4, data, size);
	read_bytes(inspection, "model.gguf", bytes, size + 4);
	free(bytes);
}

static void read_config(struct ncm_inspection *inspection, const unsigned char *data, size_t size)
{
	json_t *config = ncm_json_parse((const char *)data, size, "config.json", NCM_E_PROTOCOL, NULL);
	char file[sizeof weights - 1 + 8] = {0};

	memcpy(file, weights, sizeof weights - 1);
	read_bytes(inspection, "model.safetensors", file, sizeof file);
	if (json_is_object(config))
		inspect_config(inspection, config);
	json_decref(config);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct ncm_inspection *inspection = inspection_new(NULL);

	if (FUZZ_FORMAT == 0)
		read_gguf(inspection, data, size);
	else
		read_config(inspection, data, size);
	inspect_finish(inspection);
	count_all(inspection);
	ncm_inspection_free(inspection);
	return 0;
}
