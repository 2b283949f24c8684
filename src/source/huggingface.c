/* SPDX-License-Identifier: MIT */
/*
 * Hugging Face: files of model repositories, at a commit.
 *
 * A branch or tag is resolved to its commit first, then everything is asked of that commit. The list of files gives
 * size and digest of each, so one look-up is enough to plan, to check the disk's space and to verify. Mirrors without
 * the API are asked for the file itself. Of a whole repository all is taken but .gitattributes and .gitignore.
 */
#include "source/hf.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "config/environment.h"

#include <ncmodel/limits.h>
#include <string.h>
#include <strings.h>

static void cleanup_name(struct hf_name *name)
{
	hf_name_clear(name);
}
#define AUTO_NAME __attribute__((cleanup(cleanup_name)))

static void cleanup_tree(struct hf_tree *tree)
{
	hf_tree_clear(tree);
}
#define AUTO_TREE __attribute__((cleanup(cleanup_tree)))

static void cleanup_strings(struct ncm_strings *strings)
{
	ncm_strings_free(strings);
}
#define AUTO_STRINGS __attribute__((cleanup(cleanup_strings)))

static int check(const char *uri, bool allow_http, char **canonical, struct ncm_error *err)
{
	AUTO_NAME struct hf_name name = {0};

	(void)allow_http; /* a pasted http:// page is asked over https all the same */
	if (hf_name_parse(uri, &name, err) < 0)
		return -1;
	*canonical = hf_name_spell(&name, NULL);
	return 0;
}

/* Branches and tags are revisions as commits are: which one a file was pulled at, its entry tells as a commit alone. */
static char *key(const char *canonical)
{
	AUTO_NAME struct hf_name name = {0};

	return hf_name_parse(canonical, &name, NULL) < 0 ? NULL : hf_name_key(&name);
}

static void names(const char *canonical, char **id, char **display)
{
	AUTO_NAME struct hf_name name = {0};
	NCM_AUTO_FREE char *text = NULL;
	NCM_AUTO_FREE char *spelled = NULL;
	bool one_file;

	if (hf_name_parse(canonical, &name, NULL) < 0) {
		*id = ncm_source_slug(canonical);
		*display = ncm_strdup(canonical);
		return;
	}
	one_file = name.path && !hf_is_glob(name.path);
	text = ncm_asprintf("%s%s%s%s%s", name.repo, name.tag ? ":" : "", name.tag ? name.tag : "",
			    name.path ? "/" : "", name.path ? name.path : "");
	spelled = hf_name_key(&name);
	/* What could be a host, a tag of Ollama's or an organization is not to be taken for one. */
	*id = ncm_source_shown_id(text,
				  !memchr(text, '.', strcspn(text, "/")) && !strchr(ncm_path_base(text), ':') &&
				      (!name.path || strchr(name.repo, '/')),
				  spelled);
	*display = one_file ? ncm_strdup(ncm_path_base(name.path))
			    : ncm_asprintf("%s%s%s", name.repo, name.tag ? ":" : "", name.tag ? name.tag : "");
}

/* The commit that is known without asking, or NULL. */
static const char *known_commit(const struct hf_name *name, const struct ncm_pin *pin)
{
	if (ncm_source_is_commit(name->revision))
		return name->revision;
	return pin && pin->revision && ncm_source_is_commit(pin->revision) ? pin->revision : NULL;
}

/* A commit that the API has just named has files: what is not there is this part of the API. */
static int list_all(struct hf_tree *tree, bool just_named, struct ncm_error *err)
{
	tree->listing = tree->as_it_is ? json_object() : NULL;
	if (hf_tree_list(tree, NULL, true, err) == 0)
		return 0;
	if (!just_named || err->code != NCM_E_NOT_FOUND)
		return -1;
	ncm_error_set(err, NCM_E_PROTOCOL,
		      "%s: %s knows a part of Hugging Face's API alone: it names the commit, and has no list of files "
		      "(/tree/)",
		      tree->what, tree->endpoint);
	return hf_hint_at_mirror(tree, err);
}

static int list_files(struct hf_tree *tree, const struct hf_name *name, struct ncm_error *err)
{
	const bool just_named = !tree->commit;
	NCM_AUTO_FREE char *folder = NULL;
	const char *base;

	if (!tree->commit && hf_tree_find_commit(tree, name->revision, err) < 0)
		return -1;
	if (!hf_is_one_file(name))
		return list_all(tree, just_named, err);
	base = ncm_path_base(name->path);
	if (base > name->path)
		folder = ncm_strndup(name->path, (size_t)(base - name->path - 1));
	/* The shards of an index may lie deeper. */
	return hf_tree_list(tree, folder, hf_is_index(name->path), err);
}

/* Without the API: the file, and the other shards of its set. */
static int probe_files(struct hf_tree *tree, const struct hf_name *name, const struct ncm_file_spec *spec,
		       struct ncm_error *err)
{
	AUTO_STRINGS struct ncm_strings set = {0};

	if (hf_is_pinned_file(name, spec) || !hf_shards(name->path, &set))
		ncm_strings_add(&set, name->path);
	for (size_t i = 0; i < set.count; i++) {
		if (hf_tree_probe(tree, name->revision, set.items[i], err) < 0)
			return -1;
	}
	return 0;
}

static int find_files(struct hf_tree *tree, const struct hf_name *name, const struct ncm_file_spec *spec, bool *probed,
		      struct ncm_error *err)
{
	struct ncm_error first = NCM_ERROR_INIT, second = NCM_ERROR_INIT;

	*probed = false;
	if (list_files(tree, name, &first) == 0)
		return 0;
	if (!hf_is_one_file(name) || (first.code != NCM_E_NOT_FOUND && first.code != NCM_E_PROTOCOL))
		return ncm_error_move(err, &first);
	if (probe_files(tree, name, spec, &second) == 0) {
		ncm_error_clear(&first);
		*probed = true;
		return 0;
	}
	/* For the API a gated repository may just not be there; for the file it is gated. A mirror without the API that
	 * has the file lacks something else. */
	ncm_error_move(err,
		       second.code == NCM_E_AUTH || (second.code == NCM_E_PROTOCOL && first.code == NCM_E_NOT_FOUND)
			   ? &second
			   : &first);
	ncm_error_clear(&first);
	ncm_error_clear(&second);
	return -1;
}

static void add_artifact(struct ncm_resolution *resolution, const struct hf_tree *tree, const struct hf_file *file)
{
	struct ncm_artifact *artifact = ncm_resolution_add(resolution);

	artifact->kind = NCM_ARTIFACT_FILE;
	artifact->name = ncm_strdup(file->path);
	artifact->url = hf_tree_url(tree, tree->commit, file->path);
	artifact->has_size = true;
	artifact->size = file->size;
	artifact->has_sha256 = file->has_sha256;
	artifact->sha256 = file->sha256;
	artifact->has_git_sha1 = file->has_git_sha1;
	artifact->git_sha1 = file->git_sha1;
	artifact->expect_binary = ncm_source_is_binary_name(file->path);
}

/* The digest in the URI's fragment belongs to its one file. */
static int apply_pin(struct ncm_resolution *resolution, const struct hf_name *name, const char *what,
		     struct ncm_error *err)
{
	struct ncm_artifact *artifact = resolution->artifacts;
	char pinned[NCM_SHA256_HEX + 1], served[NCM_SHA256_HEX + 1];

	if (!name->has_sha256)
		return 0;
	if (resolution->count != 1)
		return ncm_error_set(err, NCM_E_USAGE, "%s: #sha256= pins one file, and this is %zu", what,
				     resolution->count);
	if (artifact->has_sha256 && !ncm_sha256_equal(&artifact->sha256, &name->sha256)) {
		ncm_error_set(err, NCM_E_CHECKSUM, "%s: %s: pinned sha256 %s, Hugging Face publishes %s", what,
			      artifact->name, ncm_sha256_hex(&name->sha256, pinned),
			      ncm_sha256_hex(&artifact->sha256, served));
		return ncm_error_hint(err, "the file was replaced at its source, or the pin is wrong");
	}
	artifact->has_sha256 = true;
	artifact->sha256 = name->sha256;
	return 0;
}

static struct ncm_resolution *describe(struct ncm_sources *sources, const struct hf_name *name, struct hf_tree *tree,
				       const struct ncm_strings *chosen)
{
	struct ncm_resolution *resolution = ncm_calloc(1, sizeof *resolution);

	resolution->uri = hf_name_spell(name, tree->commit);
	resolution->revision = ncm_strdup(tree->commit);
	resolution->page = ncm_asprintf("%s/%s", tree->endpoint, name->repo);
	resolution->gate = tree->gate;
	resolution->credential = ncm_source_credential(sources, &ncm_source_huggingface);
	resolution->service = &hf_service;
	resolution->license = tree->license;
	resolution->architecture = tree->architecture;
	tree->license = tree->architecture = NULL;
	resolution->listing = hf_listing_text(tree);
	for (size_t i = 0; i < chosen->count; i++)
		add_artifact(resolution, tree, hf_tree_find(tree, chosen->items[i]));
	return resolution;
}

static void take_true_name(const struct hf_tree *tree, struct hf_name *name)
{
	if (tree->repo == name->repo)
		return;
	free(name->repo);
	name->repo = ncm_strdup(tree->repo);
}

static struct ncm_resolution *look_up(struct ncm_sources *sources, struct hf_name *name,
				      const struct ncm_file_spec *spec, const struct ncm_pin *pin,
				      struct ncm_error *err)
{
	AUTO_TREE struct hf_tree tree = {.sources = sources, .repo = name->repo};
	AUTO_STRINGS struct ncm_strings chosen = {0};
	NCM_AUTO_FREE char *what = ncm_asprintf("model %s", name->repo);
	struct ncm_resolution *resolution;
	bool probed;

	tree.endpoint = ncm_source_endpoint(sources->config, &ncm_source_huggingface);
	tree.what = what;
	tree.as_it_is = pin && pin->as_it_is;
	tree.commit = ncm_strdup_null(known_commit(name, pin));
	if (find_files(&tree, name, spec, &probed, err) < 0)
		return NULL;
	take_true_name(&tree, name);
	if (hf_select(&tree, name, spec, &chosen, err) < 0 || hf_complete(&tree, name, spec, probed, &chosen, err) < 0)
		return NULL;
	resolution = describe(sources, name, &tree, &chosen);
	if (apply_pin(resolution, name, what, err) < 0)
		return ncm_resolution_drop(resolution);
	return resolution;
}

/*
 * The first models of the hub have no organization: "gpt2/config.json" may be a file of gpt2, which only the hub knows.
 * *alone receives that reading. False if there is none.
 */
static bool without_organization(const struct hf_name *name, struct hf_name *alone)
{
	const char *slash = strchr(name->repo, '/');
	NCM_AUTO_FREE char *first = slash ? ncm_strndup(name->repo, (size_t)(slash - name->repo)) : NULL;
	NCM_AUTO_FREE char *path = NULL;
	NCM_AUTO_FREE char *uri = NULL;

	if (!slash || name->tag || name->include.count + name->exclude.count > 0)
		return false;
	path = ncm_path_join(slash + 1, name->path ? name->path : "");
	uri = hf_name_spell(&(struct hf_name){.repo = first, .path = path, .revision = name->revision}, NULL);
	if (hf_name_parse(uri, alone, NULL) < 0)
		return false;
	alone->has_sha256 = name->has_sha256;
	alone->sha256 = name->sha256;
	return true;
}

static void tell_spelling(const struct hf_name *found, const char *uri, struct ncm_resolution *resolution)
{
	NCM_AUTO_FREE char *spelled = hf_name_spell(found, NULL);

	if (strcmp(spelled, uri) == 0)
		return;
	resolution->spelled = spelled;
	spelled = NULL;
}

static struct ncm_resolution *resolve(struct ncm_sources *sources, const char *uri, const struct ncm_file_spec *spec,
				      const struct ncm_pin *pin, struct ncm_error *err)
{
	AUTO_NAME struct hf_name name = {0};
	AUTO_NAME struct hf_name alone = {0};
	struct ncm_resolution *resolution;
	struct ncm_error first = NCM_ERROR_INIT;
	const struct hf_name *found = &name;

	if (hf_name_parse(uri, &name, err) < 0)
		return NULL;
	resolution = look_up(sources, &name, spec, pin, &first);
	if (!resolution && first.code == NCM_E_NOT_FOUND && without_organization(&name, &alone)) {
		found = &alone;
		resolution = look_up(sources, &alone, spec, pin, NULL);
	}
	if (!resolution)
		ncm_error_move(err, &first);
	ncm_error_clear(&first);
	if (resolution)
		tell_spelling(found, uri, resolution);
	return resolution;
}

/* One file at a commit, with its size and digest pinned: nothing is left to ask. */
static struct ncm_resolution *offline(struct ncm_sources *sources, const char *uri, const struct ncm_file_spec *spec,
				      const struct ncm_pin *pin)
{
	AUTO_NAME struct hf_name name = {0};
	AUTO_TREE struct hf_tree tree = {.sources = sources};
	AUTO_STRINGS struct ncm_strings chosen = {0};
	struct ncm_resolution *resolution = NULL;
	const bool for_plan = pin && pin->for_plan;
	const char *commit;

	if ((pin && pin->as_it_is) || hf_name_parse(uri, &name, NULL) < 0)
		return NULL;
	commit = known_commit(&name, pin);
	if (!commit && for_plan)
		commit = name.revision ? name.revision : "main";
	if (commit && hf_is_one_file(&name) && (spec->has_size || for_plan) && (spec->has_sha256 || name.has_sha256)) {
		const struct hf_file file = {.path = name.path,
					     .size = spec->size,
					     .has_sha256 = true,
					     .sha256 = name.has_sha256 ? name.sha256 : spec->sha256};

		tree.endpoint = ncm_source_endpoint(sources->config, &ncm_source_huggingface);
		tree.repo = name.repo;
		tree.commit = ncm_strdup(commit);
		resolution = describe(sources, &name, &tree, &chosen);
		add_artifact(resolution, &tree, &file);
		resolution->artifacts[0].has_size = spec->has_size;
	}
	return resolution;
}

/* A commit stands still; what moves is the branch that a name without a revision means. */
static char *newest(const char *canonical)
{
	AUTO_NAME struct hf_name name = {0};

	if (hf_name_parse(canonical, &name, NULL) < 0)
		return NULL;
	name.has_sha256 = false;
	return hf_name_spell(&name, ncm_source_is_commit(name.revision) ? "main" : NULL);
}

/* A repository, or what a glob matches in it, holds the files. */
static bool holds(const char *canonical, const char *other)
{
	AUTO_NAME struct hf_name name = {0};
	AUTO_NAME struct hf_name file = {0};

	if (hf_name_parse(canonical, &name, NULL) < 0 || hf_name_parse(other, &file, NULL) < 0 ||
	    strcmp(name.repo, file.repo) != 0 || !file.path)
		return false;
	if (!name.path)
		return name.tag ? hf_is_quantization(file.path, name.tag) : hf_is_chosen(&name, file.path);
	return hf_is_glob(name.path) && ncm_source_glob(name.path, file.path);
}

static char *repository(const char *canonical)
{
	AUTO_NAME struct hf_name name = {0};

	if (hf_name_parse(canonical, &name, NULL) < 0 || name.path || name.tag)
		return NULL;
	return ncm_strdup(ncm_path_base(name.repo));
}

static char *home(const char *canonical)
{
	AUTO_NAME struct hf_name name = {0};

	return hf_name_parse(canonical, &name, NULL) < 0 ? NULL : ncm_strdup(name.repo);
}

/* Of a quantization nobody knows whether its GGUF file is split; of a shard all are meant. */
static bool many(const char *canonical)
{
	AUTO_NAME struct hf_name name = {0};
	NCM_AUTO_FREE char *set = NULL;

	if (hf_name_parse(canonical, &name, NULL) < 0 || !hf_is_one_file(&name))
		return true;
	set = hf_shard_set(name.path);
	return set != NULL;
}

static char *file_name(const char *canonical)
{
	AUTO_NAME struct hf_name name = {0};

	return hf_name_parse(canonical, &name, NULL) == 0 && hf_is_one_file(&name) ? ncm_strdup(name.path) : NULL;
}

static char *file_at(const char *canonical, const char *path, const char *revision)
{
	AUTO_NAME struct hf_name name = {0};

	if (hf_name_parse(canonical, &name, NULL) < 0)
		return NULL;
	return hf_name_spell(&(struct hf_name){.repo = name.repo, .path = (char *)path}, revision);
}

static char *spelled_revision(const char *canonical)
{
	AUTO_NAME struct hf_name name = {0};

	if (!strchr(canonical, '@') || hf_name_parse(canonical, &name, NULL) < 0)
		return NULL;
	return ncm_strdup(name.revision);
}

static char *reference(const char *canonical)
{
	AUTO_NAME struct hf_name name = {0};

	if (hf_name_parse(canonical, &name, NULL) < 0 || ncm_source_is_commit(name.revision))
		return NULL;
	return ncm_strdup(name.revision);
}

static const struct ncm_habit *habit(const char *canonical)
{
	AUTO_NAME struct hf_name name = {0};

	if (hf_name_parse(canonical, &name, NULL) < 0)
		return NULL;
	return ncm_source_habit_of_name(name.tag ? ".gguf" : name.path ? name.path : name.repo);
}

static const char *stem(const char *uri, size_t *size)
{
	return strncmp(uri, "hf:", 3) == 0 && uri[3] != '/' ? hf_stem(uri, size) : NULL;
}

static const char *const aliases[] = {"huggingface", "hugging-face", NULL};

/* As huggingface_hub finds it. */
static char *token_file(const char **called)
{
	const char *named = config_env("HF_TOKEN_PATH");
	const char *hf_home = config_env("HF_HOME");
	NCM_AUTO_FREE char *cache = config_xdg("XDG_CACHE_HOME", ".cache");
	NCM_AUTO_FREE char *home = hf_home ? config_path(NULL, hf_home) : ncm_path_join(cache, "huggingface");

	*called = named ? "HF_TOKEN_PATH" : "the token file of the hf command";
	return named ? config_path(NULL, named) : ncm_path_join(home, "token");
}

static const char *const token_variables[] = {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", NULL};
static const struct config_service settings = {.name = "huggingface",
					       .title = "Hugging Face",
					       .endpoint = "https://huggingface.co",
					       .endpoint_variable = "HF_ENDPOINT",
					       .token_variables = token_variables,
					       .no_token_variable = "HF_HUB_DISABLE_IMPLICIT_TOKEN",
					       .token_file = token_file,
					       /* huggingface_hub hf_api.py, whoami */
					       .token_check = "/api/whoami-v2"};

static bool is_whole(const char *canonical)
{
	AUTO_NAME struct hf_name name = {0};

	return hf_name_parse(canonical, &name, NULL) == 0 && !name.path && !name.tag && name.include.count == 0 &&
	       name.exclude.count == 0;
}

const struct ncm_source ncm_source_huggingface = {
    .settings = &settings,
    .scheme = "hf",
    .one_server = true,
    .begins = "hf:",
    .aliases = aliases,
    .habit = habit,
    .many = many,
    .file_name = file_name,
    .file_at = file_at,
    .spelled_revision = spelled_revision,
    .stem = stem,
    .claims = hf_claims,
    .check = check,
    .names = names,
    .resolve = resolve,
    .offline = offline,
    .newest = newest,
    .key = key,
    .holds = holds,
    .repository = repository,
    .home = home,
    .is_whole = is_whole,
    .reference = reference,
    .choose = hf_choose,
    .recall = hf_recall,
};
