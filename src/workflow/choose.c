/* SPDX-License-Identifier: MIT */
/* From the files that a workflow asks for to models that can be planned, and the rest. */
#include "workflow/workflow.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "digest/name.h"
#include "manifest/spelled.h"
#include "os/os.h"
#include "source/source.h"
#include "store/store.h"

#include <ncmodel/registry.h>
#include <string.h>

struct choosing {
	struct ncm_layout *layout;
	struct ncm_registry *registry;
	struct ncm_store *store;
	const char *other_folder; /* for files of which no folder is known; or NULL */
	struct ncm_catalog *catalog;
	size_t known;   /* models that the catalog had before */
	size_t *chosen; /* indexes in it */
	struct ncm_workflow_choice *choice;
};

static int set_store(struct choosing *choosing, const char *to, struct ncm_error *err)
{
	const char *slash = to ? strchr(to, '/') : NULL;
	NCM_AUTO_FREE char *id = to ? ncm_strndup(to, strcspn(to, "/")) : ncm_strdup("comfyui");

	choosing->other_folder = slash && slash[1] ? slash + 1 : NULL;
	choosing->store = ncm_layout_find(choosing->layout, id);
	return choosing->store ? 0 : ncm_layout_lacks(choosing->layout, id, err);
}

/* A folder that the layout does not name lies in models/, as all that custom nodes add. */
static int set_target(const struct choosing *choosing, const struct ncm_workflow_model *wanted,
		      struct ncm_target *target, struct ncm_error *err)
{
	const char *folder = wanted->folder ? wanted->folder : choosing->other_folder;

	*target = (struct ncm_target){0};
	if (!folder) {
		ncm_error_set(err, NCM_E_USAGE, "nothing tells in which folder its loader looks for it");
		return ncm_error_hint(err, "name the folder: --to %s/FOLDER", choosing->store->id);
	}
	if (!ncm_path_check(folder, err) || !ncm_path_check(wanted->name, err))
		return -1;
	target->store = ncm_strdup(choosing->store->id);
	if (ncm_layout_has_folder(choosing->layout, choosing->store, folder)) {
		target->folder = ncm_strdup(folder);
		target->name = ncm_strdup(wanted->name);
	} else {
		target->name = ncm_asprintf("models/%s/%s", folder, wanted->name);
	}
	return 0;
}

static void clear_target(struct ncm_target *target)
{
	free(target->store);
	free(target->folder);
	free(target->name);
	*target = (struct ncm_target){0};
}

static bool is_at(const struct ncm_file_spec *spec, const struct ncm_target *target)
{
	for (size_t i = 0; i < spec->to_count; i++) {
		if (ncm_same_text(spec->to[i].folder, target->folder) && ncm_same_text(spec->to[i].name, target->name))
			return true;
	}
	return false;
}

/* The place that was made of its source gives way to that of the loader; one source may have several. */
static void place(struct choosing *choosing, size_t index, struct ncm_target *target)
{
	struct ncm_file_spec *spec = &choosing->catalog->models[index].files[0];
	bool is_new = true;

	for (size_t i = 0; i < choosing->choice->count; i++)
		is_new = is_new && choosing->chosen[i] != index;
	if (is_new) {
		for (size_t i = 0; i < spec->to_count; i++)
			clear_target(&spec->to[i]);
		spec->to_count = 0;
		*NCM_PUSH(choosing->chosen, choosing->choice->count) = index;
	}
	if (is_at(spec, target))
		return;
	*NCM_PUSH(spec->to, spec->to_count) = *target;
	*target = (struct ncm_target){0};
}

/* Where a file can be had from, and what is known of its bytes. */
struct origin {
	char *uri;    /* NULL: from nowhere */
	size_t model; /* of the catalog, whose manifest says so; SIZE_MAX: it is not a manifest's word */
	bool has_sha256, has_size, allow_pickle;
	struct ncm_sha256 sha256;
	uint64_t size;
};

static void cleanup_origin(struct origin *origin)
{
	free(origin->uri);
}
#define AUTO_ORIGIN __attribute__((cleanup(cleanup_origin)))

static struct origin of_manifest(const struct ncm_file_spec *spec, size_t model)
{
	const char *uri = spec->from.items[0];
	char hex[NCM_SHA256_HEX + 1];

	return (struct origin){.uri = spec->has_sha256 && ncm_source_is_in_clear(uri)
					  ? ncm_asprintf("%s#sha256=%s", uri, ncm_sha256_hex(&spec->sha256, hex))
					  : ncm_strdup(uri),
			       .model = model,
			       .has_sha256 = spec->has_sha256,
			       .sha256 = spec->sha256,
			       .has_size = spec->has_size,
			       .size = spec->size,
			       .allow_pickle = spec->allow_pickle};
}

/* The bytes are here, too: they need not come from there. */
static struct origin of_registered(const struct ncm_reg_file *file)
{
	return (struct origin){.uri = ncm_strdup(file->source),
			       .model = SIZE_MAX,
			       .has_sha256 = true,
			       .sha256 = file->sha256,
			       .has_size = true,
			       .size = file->size,
			       .allow_pickle = true};
}

/* The workflow's word, a manifest's, that of models.json. */
static struct origin origin_of(const struct choosing *choosing, const struct ncm_workflow_model *wanted)
{
	size_t of = 0;
	const struct ncm_file_spec *spec =
	    wanted->url ? NULL : workflow_known_file(choosing->catalog, choosing->known, wanted, &of);
	const struct ncm_reg_file *file = wanted->url || spec ? NULL : workflow_known_here(choosing->registry, wanted);

	if (spec)
		return of_manifest(spec, of);
	if (file && file->source)
		return of_registered(file);
	return (struct origin){.uri = ncm_strdup_null(wanted->url),
			       .model = SIZE_MAX,
			       .has_sha256 = wanted->has_sha256,
			       .sha256 = wanted->sha256};
}

static void take_pins(const struct choosing *choosing, const struct origin *origin, struct ncm_model *model)
{
	struct ncm_file_spec *spec = &model->files[0];
	const struct ncm_model *from = origin->model == SIZE_MAX ? NULL : &choosing->catalog->models[origin->model];

	spec->has_sha256 = origin->has_sha256;
	spec->sha256 = origin->sha256;
	spec->has_size = origin->has_size;
	spec->size = origin->size;
	spec->allow_pickle = origin->allow_pickle;
	if (!from)
		return;
	model->license = model->license ? model->license : ncm_strdup_null(from->license);
	model->gate_url = model->gate_url ? model->gate_url : ncm_strdup_null(from->gate_url);
	model->gated = from->gated;
}

static int choose(struct choosing *choosing, const struct origin *origin, struct ncm_target *target,
		  struct ncm_error *err)
{
	NCM_AUTO_FREE char *to =
	    target->folder ? ncm_asprintf("%s/%s", target->store, target->folder) : ncm_strdup(target->store);
	size_t index = 0;

	if (manifest_spelled(choosing->catalog, origin->uri, &(const struct ncm_selector){.to = to}, &index, err) < 0)
		return -1;
	if (!choosing->catalog->models[index].files[0].has_sha256)
		take_pins(choosing, origin, &choosing->catalog->models[index]);
	place(choosing, index, target);
	return 0;
}

static bool is_file(const char *path)
{
	struct os_stat status;

	return os_stat(OS_HERE, path, &status) == 0 && status.kind == OS_IS_FILE;
}

/* The absolute path that a loader opens, or NULL. The caller frees it. */
static char *path_of(const struct choosing *choosing, const struct ncm_target *target)
{
	struct ncm_store *store = choosing->store;
	NCM_AUTO_FREE char *relative =
	    target->name ? ncm_layout_path(choosing->layout, &store, target->folder, target->name, NULL) : NULL;

	return relative ? ncm_path_join(store->path, relative) : NULL;
}

/* An embedding may be named without its ending. */
static void look_for(struct ncm_workflow_rest *rest)
{
	static const char *const endings[] = {"", ".safetensors", ".pt", ".bin"};
	const size_t count = workflow_is_model_name(rest->model->name) ? 1 : sizeof endings / sizeof *endings;

	for (size_t i = 0; rest->path && i < count && !rest->here; i++) {
		NCM_AUTO_FREE char *path = ncm_asprintf("%s%s", rest->path, endings[i]);

		rest->here = is_file(path);
	}
}

static void add_rest(struct choosing *choosing, const struct ncm_workflow_model *wanted,
		     const struct ncm_target *target, const struct ncm_error *why)
{
	const struct ncm_reg_file *like = workflow_known_here(choosing->registry, wanted);
	struct ncm_workflow_rest *rest = NCM_PUSH(choosing->choice->rest, choosing->choice->rest_count);

	rest->model = wanted;
	rest->why = why->code == NCM_OK ? NULL
		    : why->hint         ? ncm_asprintf("%s; %s", why->message, why->hint)
					: ncm_strdup(why->message);
	rest->path = path_of(choosing, target);
	look_for(rest);
	if (!rest->here && like && is_file(like->abs))
		rest->like = ncm_strdup(like->abs);
}

static void take(struct choosing *choosing, const struct ncm_workflow_model *wanted)
{
	AUTO_ORIGIN struct origin origin = origin_of(choosing, wanted);
	struct ncm_error why = NCM_ERROR_INIT;
	struct ncm_target target = {0};

	if (set_target(choosing, wanted, &target, &why) < 0 || !origin.uri ||
	    choose(choosing, &origin, &target, &why) < 0)
		add_rest(choosing, wanted, &target, &why);
	clear_target(&target);
	ncm_error_clear(&why);
}

/* Without a folder of that name in the layout it is one in the store's own. */
static void take_pack(struct choosing *choosing, const struct ncm_workflow_pack *pack)
{
	static const char folder[] = "custom_nodes";
	const bool has_folder = ncm_layout_has_folder(choosing->layout, choosing->store, folder);
	NCM_AUTO_FREE char *name = workflow_pack_folder(pack);
	struct ncm_target target = {.store = ncm_strdup(choosing->store->id)};
	size_t index;

	target.folder = has_folder ? ncm_strdup(folder) : NULL;
	target.name = has_folder ? ncm_strdup(name) : ncm_asprintf("%s/%s", folder, name);
	if (ncm_path_check(target.name, NULL) &&
	    manifest_spelled(choosing->catalog, pack->source, &(const struct ncm_selector){.to = choosing->store->id},
			     &index, NULL) == 0) {
		workflow_describe_pack(pack, &choosing->catalog->models[index]);
		place(choosing, index, &target);
	}
	clear_target(&target);
}

static void take_all(struct choosing *choosing, const struct ncm_workflow *workflow, bool with_packs)
{
	struct ncm_workflow_choice *choice = choosing->choice;

	for (size_t i = 0; i < workflow->count; i++)
		take(choosing, &workflow->models[i]);
	for (size_t i = 0; with_packs && i < workflow->pack_count; i++) {
		if (workflow->packs[i].source)
			take_pack(choosing, &workflow->packs[i]);
	}
	choice->models = ncm_calloc(choice->count + 1, sizeof(struct ncm_model *));
	for (size_t i = 0; i < choice->count; i++)
		choice->models[i] = &choosing->catalog->models[choosing->chosen[i]];
}

int ncm_workflow_choose(const struct ncm_config *config, const struct ncm_workflow *workflow, const char *to,
			bool with_packs, struct ncm_catalog *catalog, struct ncm_workflow_choice *choice,
			struct ncm_error *err)
{
	struct choosing choosing = {.catalog = catalog, .known = catalog->count, .choice = choice};
	int failed = -1;

	*choice = (struct ncm_workflow_choice){0};
	choosing.layout = ncm_layout_load(config, err);
	if (choosing.layout)
		choosing.registry = ncm_registry_load(config, err);
	if (choosing.registry && set_store(&choosing, to, err) == 0) {
		failed = 0;
		take_all(&choosing, workflow, with_packs);
	}
	free(choosing.chosen);
	ncm_registry_free(choosing.registry);
	ncm_layout_free(choosing.layout);
	return failed;
}

void ncm_workflow_choice_free(struct ncm_workflow_choice *choice)
{
	for (size_t i = 0; i < choice->rest_count; i++) {
		free(choice->rest[i].why);
		free(choice->rest[i].path);
		free(choice->rest[i].like);
	}
	free(choice->rest);
	free(choice->models);
	*choice = (struct ncm_workflow_choice){0};
}
