/* SPDX-License-Identifier: MIT */
/* The kinds of sidecars that sidecar.c lists. */
#include "survey/sidecar.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "source/source.h"

#include <stdlib.h>
#include <string.h>

static struct ncm_survey_claim *add_claim(struct told *told, const struct ncm_sha256 *sha256)
{
	struct ncm_survey_claim *claim = NCM_PUSH(told->claims, told->claim_count);

	claim->sha256 = *sha256;
	claim->told_by = "sidecar";
	return claim;
}

/* NULL if it is no digest. */
static struct ncm_survey_claim *claim_hex(struct told *told, const char *hex)
{
	struct ncm_sha256 sha256;

	return hex && ncm_sha256_parse_any_case(hex, &sha256) == 0 ? add_claim(told, &sha256) : NULL;
}

/* One line of sha256sum: the digest, and the name that it is said of ("" if there is none). */
static bool read_line(char *line, struct ncm_sha256 *sha256, const char **name)
{
	const size_t size = strspn(line, "0123456789abcdefABCDEF");
	char *rest = line + size + strspn(line + size, " \t*");

	rest[strcspn(rest, "\r")] = '\0';
	*name = ncm_path_base(rest);
	line[size] = '\0';
	return size == NCM_SHA256_HEX && ncm_sha256_parse_any_case(line, sha256) == 0;
}

/* The line of the file's name; of a text with one line, that. */
void sidecar_read_sum(char *text, const char *file, struct told *told)
{
	struct ncm_sha256 sha256, only;
	bool has_only = false;
	const char *name;
	size_t lines = 0;

	for (char *line; (line = strsep(&text, "\n")) != NULL;) {
		if (*line == '\0')
			continue;
		lines++;
		if (!read_line(line, &sha256, &name))
			continue;
		if (strcmp(name, file) == 0) {
			add_claim(told, &sha256);
			return;
		}
		has_only = lines == 1;
		only = sha256;
	}
	if (has_only && lines == 1)
		add_claim(told, &only);
}

char *told_source(const struct told *told, uint64_t file)
{
	NCM_AUTO_FREE char *of = told->model ? ncm_asprintf("%llu@", (unsigned long long)told->model) : ncm_strdup("");
	NCM_AUTO_FREE char *query = file ? ncm_asprintf("?fileId=%llu", (unsigned long long)file) : ncm_strdup("");
	NCM_AUTO_FREE char *uri =
	    ncm_asprintf("%s%s%llu%s", ncm_source_civitai.begins, of, (unsigned long long)told->version, query);
	char *source = NULL;

	if (!told->version || ncm_source_check(uri, false, &source, NULL) < 0)
		return NULL;
	return source;
}

static void set_source(const struct told *told, uint64_t file, struct ncm_survey_claim *claim)
{
	claim->source = told_source(told, file);
	if (claim->source)
		claim->revision = ncm_asprintf("%llu", (unsigned long long)told->version);
}

/* Of a version's files the one of this name (of several the primary one), else the primary one, else the only one. */
static size_t likeliest(const json_t *files, const char *name)
{
	const json_t *file;
	size_t best = json_array_size(files), i;
	unsigned most = 0;

	json_array_foreach(files, i, file)
	{
		const char *its = ncm_json_string(file, "name");
		const unsigned worth = (its && strcmp(its, name) == 0 ? 2u : 0u) +
				       (ncm_json_bool(file, "primary") || json_array_size(files) == 1 ? 1u : 0u);

		if (worth <= most)
			continue;
		most = worth;
		best = i;
	}
	return best;
}

/* "file 2 (fp32)", as the version's page shows what tells its files apart. */
static char *which(const json_t *file, size_t number)
{
	const json_t *metadata = json_object_get(file, "metadata");
	const char *precision = ncm_json_string(metadata, "fp"), *size = ncm_json_string(metadata, "size");

	return ncm_asprintf("file %zu%s%s%s%s%s", number, precision || size ? " (" : "", size ? size : "",
			    precision && size ? " " : "", precision ? precision : "", precision || size ? ")" : "");
}

/* AutoV3 is the beginning of the SHA-256 of the tensors; some write all of it. */
static void take_tensors(const char *hex, struct ncm_survey_claim *claim)
{
	const size_t size = hex ? strspn(hex, "0123456789abcdefABCDEF") : 0;

	if (size < 10 || size >= sizeof claim->tensors || hex[size])
		return;
	for (size_t i = 0; i < size; i++)
		claim->tensors[i] = (char)(hex[i] >= 'A' && hex[i] <= 'F' ? hex[i] - 'A' + 'a' : hex[i]);
}

static void claim_file(const json_t *files, size_t index, struct told *told)
{
	const json_t *file = json_array_get(files, index), *hashes = json_object_get(file, "hashes");
	struct ncm_survey_claim *claim = claim_hex(told, ncm_json_string(hashes, "SHA256"));
	uint64_t id = 0;
	double kib;

	if (!claim)
		return;
	(void)ncm_json_u64(file, "id", &id);
	set_source(told, id, claim);
	if (json_array_size(files) > 1)
		claim->which = which(file, index + 1);
	if (ncm_json_number(file, "sizeKB", &kib) && kib > 0 && kib < 1e12)
		claim->size = (uint64_t)(kib * 1024);
	take_tensors(ncm_json_string(hashes, "AutoV3"), claim);
}

static void take_words(const json_t *words, struct told *told)
{
	const json_t *word;
	size_t i;

	json_array_foreach(words, i, word)
	{
		if (json_is_string(word))
			card_add_word(&told->card, json_string_value(word), json_string_length(word));
	}
}

static void take_page(struct told *told)
{
	NCM_AUTO_FREE char *page = told->model ? ncm_civitai_page(told->model, told->version) : NULL;

	card_say(&told->card.page, page);
}

/* What lies here is no address for anybody else. */
static void take_preview(const char *address, struct told *told)
{
	if (address && ncm_source_is_address(address) && !ncm_source_is_in_clear(address))
		card_say(&told->card.preview, address);
}

/* A number, or a text that is one. */
static void take_weight(const json_t *weight, struct told *told)
{
	double number = json_is_string(weight) ? strtod(json_string_value(weight), NULL) : json_number_value(weight);

	if (number > 0 && number < 100)
		told->card.preferred_weight = number;
}

/* A version as Civitai's API gives it. Several of its files may have one name: whoever has one of them has the version.
 */
static void read_version(const json_t *version, const char *name, struct told *told)
{
	const json_t *files = json_object_get(version, "files");
	const json_t *model = json_object_get(version, "model");
	const size_t first = likeliest(files, name);

	(void)ncm_json_u64(version, "id", &told->version);
	(void)ncm_json_u64(version, "modelId", &told->model);
	(void)ncm_json_u64(json_array_get(files, first), "id", &told->file);
	told->name = ncm_json_string(model, "name");
	told->kind = ncm_json_string(model, "type");
	take_words(json_object_get(version, "trainedWords"), told);
	card_say(&told->card.base_model, ncm_json_string(version, "baseModel"));
	card_say(&told->card.model_name, told->name);
	card_say(&told->card.version_name, ncm_json_string(version, "name"));
	take_preview(ncm_json_string(json_array_get(json_object_get(version, "images"), 0), "url"), told);
	take_page(told);
	if (first < json_array_size(files))
		claim_file(files, first, told);
	for (size_t i = 0; i < json_array_size(files); i++) {
		if (i != first)
			claim_file(files, i, told);
	}
}

static bool has_files(const json_t *version)
{
	return json_array_size(json_object_get(version, "files")) > 0;
}

/* '{"strength": 0.8}', as a text. */
static void take_tips(const char *tips, struct told *told)
{
	NCM_AUTO_JSON json_t *object =
	    tips ? ncm_json_parse(tips, strlen(tips), "usage_tips", NCM_E_OTHER, NULL) : NULL;

	take_weight(json_object_get(object, "strength"), told);
}

/* Its own digest is of the file that lay there; the version was found by it, or chosen by the user. */
static void read_lora_manager(const json_t *info, const char *name, struct told *told)
{
	const json_t *version = json_object_get(info, "civitai");
	struct ncm_survey_claim *own;

	read_version(version, name, told);
	own = claim_hex(told, ncm_json_string(info, "sha256"));
	if (own && !has_files(version))
		set_source(told, 0, own);
	told->name = told->name ? told->name : ncm_json_string(info, "model_name");
	card_say(&told->card.model_name, ncm_json_string(info, "model_name"));
	card_say(&told->card.base_model, ncm_json_string(info, "base_model"));
	take_preview(ncm_json_string(info, "preview_url"), told);
	take_tips(ncm_json_string(info, "usage_tips"), told);
}

static void read_stability_matrix(const json_t *info, const char *name, struct told *told)
{
	struct ncm_survey_claim *claim;

	(void)name;
	(void)ncm_json_u64(info, "ModelId", &told->model);
	(void)ncm_json_u64(info, "VersionId", &told->version);
	told->name = ncm_json_string(info, "ModelName");
	told->kind = ncm_json_string(info, "ModelType");
	claim = claim_hex(told, ncm_json_string(json_object_get(info, "Hashes"), "SHA256"));
	if (claim)
		set_source(told, 0, claim);
	take_words(json_object_get(info, "TrainedWords"), told);
	card_say(&told->card.base_model, ncm_json_string(info, "BaseModel"));
	card_say(&told->card.model_name, told->name);
	card_say(&told->card.version_name, ncm_json_string(info, "VersionName"));
	take_preview(ncm_json_string(info, "ThumbnailImageUrl"), told);
	take_page(told);
}

/* "one, two three, four" */
static void take_activation(const char *text, struct told *told)
{
	while (text && *text) {
		const size_t size = strcspn(text, ",");

		card_add_word(&told->card, text, size);
		text += size + (text[size] == ',');
	}
}

/* The card of the web UI, to which browsers of Civitai add where the model is from. */
static void read_webui(const json_t *info, const char *name, struct told *told)
{
	static const char *const own[] = {"activation text", "sd version", "preferred weight", "modelId", "sha256"};
	const char *version = ncm_json_string(info, "sd version");
	struct ncm_survey_claim *claim;

	(void)name;
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		told->is_any = told->is_any || json_object_get(info, own[i]);
	if (!told->is_any)
		return;
	(void)ncm_json_u64(info, "modelId", &told->model);
	(void)ncm_json_u64(info, "modelVersionId", &told->version);
	claim = claim_hex(told, ncm_json_string(info, "sha256"));
	if (claim)
		set_source(told, 0, claim);
	take_activation(ncm_json_string(info, "activation text"), told);
	take_weight(json_object_get(info, "preferred weight"), told);
	card_say(&told->card.base_model, version && strcmp(version, "Unknown") != 0 ? version : NULL);
	card_say(&told->card.page, ncm_json_string(info, "modelPageURL"));
	take_page(told);
}

static bool has_file(const json_t *version, const char *name)
{
	const json_t *file;
	size_t i;

	json_array_foreach(json_object_get(version, "files"), i, file)
	{
		const char *its = ncm_json_string(file, "name");

		if (its && strcmp(its, name) == 0)
			return true;
	}
	return false;
}

/* All versions of a model: the one that has a file of this name. */
static void read_model(const json_t *info, const char *name, struct told *told)
{
	const json_t *version;
	size_t i;

	(void)ncm_json_u64(info, "id", &told->model);
	json_array_foreach(json_object_get(info, "modelVersions"), i, version)
	{
		if (!has_file(version, name))
			continue;
		read_version(version, name, told);
		break;
	}
	told->name = ncm_json_string(info, "name");
	told->kind = ncm_json_string(info, "type");
	card_say(&told->card.model_name, told->name);
}

static const struct sidecar_kind kinds[] = {
    {".sha256", NULL, false},
    {".civitai.info", read_version, false},
    {".metadata.json", read_lora_manager, false},
    {".cm-info.json", read_stability_matrix, false},
    {".api_info.json", read_model, false},
    {".json", read_webui, true},
};

const struct sidecar_kind *sidecar_kind_of(const char *name)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (ncm_path_has_suffix(name, kinds[i].ending) && strlen(name) > strlen(kinds[i].ending))
			return &kinds[i];
	}
	return NULL;
}

void told_clear(struct told *told)
{
	for (size_t i = 0; i < told->claim_count; i++) {
		free(told->claims[i].which);
		free(told->claims[i].source);
		free(told->claims[i].revision);
	}
	free(told->claims);
	card_clear(&told->card);
}
