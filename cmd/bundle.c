/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "bundle_view.h"
#include "pull.h"
#include "ui/text.h"

#include <ncmodel/bundle.h>
#include <ncmodel/text.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

static struct {
	struct option_number volume;
	const char *lock;
} given;

static const char *folder_of(const struct session *session)
{
	return session->settings.operands.items[1];
}

static int create(struct session *session)
{
	const struct ncm_bundle_options options = {
	    .path = folder_of(session), .volume = given.volume.value, .lock = given.lock};
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_bundle *bundle;

	if (session_selector_from(session, 2, &err) < 0 || session_config(session, &err) < 0)
		return session_fail(session, &err);
	session_catalog_if_any(session, "what only manifests know is missing in the bundle");
	session_progress(session);
	bundle = ncm_bundle_create(session->config, session->catalog, &session->settings.selector, &options,
				   &session->sink, &err);
	session_quieten(session);
	if (!bundle)
		return session_fail(session, &err);
	session->report.data = bundle_json(bundle);
	bundle_tell_created(session, bundle);
	ncm_bundle_free(bundle);
	return 0;
}

static bool is_volume(const char *word)
{
	const size_t size = strlen(word);

	return size > 4 && strcasecmp(word + size - 4, ".tar") == 0;
}

/* The volumes among the operands, from the second on, or in the folder that it names; how many operands that were. */
static size_t take_volumes(const struct session *session, struct ncm_strings *volumes)
{
	const struct ncm_strings *operands = &session->settings.operands;
	size_t taken = 0;

	while (1 + taken < operands->count && is_volume(operands->items[1 + taken]))
		words_add(volumes, operands->items[1 + taken++]);
	if (taken == 0)
		ncm_bundle_find_volumes(folder_of(session), volumes);
	return taken > 0 ? taken : 1;
}

static struct ncm_bundle *open_any(const struct session *session, size_t *taken, struct ncm_error *err)
{
	struct ncm_strings volumes = {0};
	struct ncm_bundle *bundle;

	*taken = take_volumes(session, &volumes);
	bundle = volumes.count > 0 ? ncm_bundle_open_volumes(&volumes, err) : ncm_bundle_open(folder_of(session), err);
	ncm_strings_free(&volumes);
	return bundle;
}

static int usage(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;

	ncm_error_set(&err, NCM_E_USAGE, "bundle: that is not how it is used");
	ncm_error_hint(&err, "usage: ncmodel bundle %s", session->command->arguments);
	return session_fail(session, &err);
}

static int verify(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	size_t taken = 0;
	struct ncm_bundle *bundle = session_config(session, &err) < 0 ? NULL : open_any(session, &taken, &err);
	int exit_code, failed;

	if (!bundle)
		return session_fail(session, &err);
	if (session->settings.operands.count > 1 + taken) {
		ncm_bundle_free(bundle);
		return usage(session);
	}
	session_progress(session);
	failed = ncm_bundle_check(bundle, &session->sink, &err);
	session_quieten(session);
	session->report.data = bundle_json(bundle);
	exit_code = failed ? session_fail(session, &err) : bundle_tell_checked(session, bundle);
	ncm_bundle_free(bundle);
	return exit_code;
}

/* The pull may find it in a store all the same; if not, this says what to do. */
static int warn_of_lacking(const struct session *session, const struct ncm_bundle *bundle, bool *lacks,
			   struct ncm_error *err)
{
	struct ncm_strings lacking = {0};
	const int failed = ncm_bundle_lacking(session->config, bundle, &lacking, err);

	for (size_t i = 0; i < lacking.count; i++) {
		AUTO_FREE char *text = text_format("sha256 %s is not in the bundle, which was made for a lock that "
						   "pins it, and no model here has it; made without --for it has it",
						   lacking.items[i]);

		report_warning(&session->report, text);
	}
	*lacks = lacking.count > 0;
	ncm_strings_free(&lacking);
	return failed;
}

/* What is to be done about models that the bundle does not bring. `volumes`: it came in these, and was looked at when
 * they were unpacked; or NULL. The caller frees it. */
static char *hint_of(const struct ncm_bundle *volumes, bool lacks, const char *what)
{
	static const char whole[] = "ask for a bundle made without --for: it has files that are not here";
	AUTO_FREE char *hint = NULL;

	if (lacks && volumes && !volumes->remedy)
		return text_copy(whole);
	if (volumes && volumes->remedy)
		hint = text_copy(volumes->remedy);
	else
		hint = text_format("the bundle lacks it, or has other bytes: `ncmodel bundle verify %s` tells which",
				   what);
	return lacks ? text_format("%s; %s", hint, whole) : text_copy(hint);
}

/* A pull of the bundle's own manifests, by its own pins, out of the bundle alone. */
static int import_folder(struct session *session, const char *folder, size_t taken, const struct ncm_bundle *volumes)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct settings *settings = &session->settings;
	struct ncm_bundle *bundle = ncm_bundle_open(folder, &err);
	AUTO_FREE char *lock = bundle ? ncm_bundle_lock(bundle) : NULL;
	AUTO_FREE char *hint = NULL;
	struct ncm_strings manifests = {0};
	bool lacks = false;
	int exit_code;

	if (!bundle)
		return session_fail(session, &err);
	ncm_bundle_manifests(bundle, &manifests);
	if (session_config(session, &err) < 0 || ncm_config_add_bundle(session->config, bundle->path, &err) < 0 ||
	    warn_of_lacking(session, bundle, &lacks, &err) < 0) {
		ncm_strings_free(&manifests);
		ncm_bundle_free(bundle);
		return session_fail(session, &err);
	}
	for (size_t i = 0; i < manifests.count; i++)
		ncm_config_add_manifest_file(session->config, manifests.items[i]);
	ncm_strings_free(&manifests);
	settings->provision.offline = true;
	settings->provision.pins = lock;
	hint = hint_of(volumes, lacks, taken > 1 ? "FILE..." : folder_of(session));
	settings->provision.remedy = hint;
	for (size_t i = 0; i < 1 + taken; i++)
		free(settings->operands.items[i]);
	settings->operands.count -= 1 + taken;
	memmove(settings->operands.items, settings->operands.items + 1 + taken,
		settings->operands.count * sizeof *settings->operands.items);
	exit_code = pull_chosen(session);
	ncm_bundle_free(bundle);
	return exit_code;
}

static char *unpack(struct session *session, struct ncm_bundle *bundle, struct ncm_error *err)
{
	char *folder;

	session_progress(session);
	folder = ncm_bundle_unpack(session->config, bundle, &session->sink, err);
	session_quieten(session);
	return folder;
}

static int import_volumes(struct session *session, struct ncm_bundle *bundle, size_t taken)
{
	struct ncm_error err = NCM_ERROR_INIT;
	AUTO_FREE char *folder = NULL;
	int exit_code;

	if (session->settings.dry_run) {
		ncm_error_set(&err, NCM_E_USAGE, "volumes are unpacked before anything can be planned");
		ncm_error_hint(&err, "`ncmodel bundle verify FILE...` tells what is in them, and whether it is right");
		return session_fail(session, &err);
	}
	if (session_config(session, &err) < 0)
		return session_fail(session, &err);
	folder = unpack(session, bundle, &err);
	if (!folder)
		return session_fail(session, &err);
	bundle_warn_of_bad(session, bundle);
	session->settings.provision.proven = bundle->proven;
	session->settings.provision.proven_count = bundle->proven_count;
	exit_code = import_folder(session, folder, taken, bundle);
	if (exit_code == 0 && bundle->bad == 0)
		ncm_bundle_forget(folder);
	return exit_code;
}

static int import(struct session *session)
{
	struct ncm_error err = NCM_ERROR_INIT;
	size_t taken;
	struct ncm_bundle *bundle = open_any(session, &taken, &err);
	int exit_code;

	/* The bundle's own manifests say what is wanted. */
	ncm_strings_free(&session->settings.manifest_files);

	if (!bundle)
		return session_fail(session, &err);
	exit_code = bundle->volume_count > 0 ? import_volumes(session, bundle, taken)
					     : import_folder(session, folder_of(session), taken, NULL);
	ncm_bundle_free(bundle);
	return exit_code;
}

static int run(struct session *session)
{
	static const struct {
		const char *name;
		int (*run)(struct session *session);
	} actions[] = {{"create", create}, {"verify", verify}, {"import", import}};
	const struct ncm_strings *operands = &session->settings.operands;

	for (size_t i = 0; i < sizeof actions / sizeof *actions && operands->count >= 2; i++) {
		if (strcmp(operands->items[0], actions[i].name) == 0)
			return actions[i].run(session);
	}
	return usage(session);
}

static const struct option own[] = {
    {0, "for", OPTION_TEXT, .value = &given.lock, .argument = "LOCK",
     .help = "create: for the machine with this ncmodel.lock: without the files that it pins",
     .completes = COMPLETES_FILE},
    {0, "volume", OPTION_SIZE, .value = &given.volume, .argument = "SIZE",
     .help = "create: volumes FILE-001.tar, FILE-002.tar … of at most so many bytes"},
    {'n', "dry-run", OPTION_FLAG, offsetof(struct settings, dry_run), .help = "import: print the plan and stop"},
    {'y', "yes", OPTION_FLAG, offsetof(struct settings, yes), .help = "import: do not ask"},
    {0, "update", OPTION_FLAG, offsetof(struct settings, provision.pins_first),
     .help = "import: take the bundle's pins where the own lock has others"},
    {0, "force", OPTION_FLAG, offsetof(struct settings, provision.force),
     .help = "import: replace what is in the way; it is kept until `gc --replaced`"},
    {0, "reserve", OPTION_SIZE, offsetof(struct settings, reserve), .argument = "SIZE",
     .help = "import: disk space to leave free on each file system"},
    {.name = NULL},
};
static const struct option_group own_group = {"Options", own};

static const char *const examples[] = {
    "ncmodel bundle create /media/usb/models --phase 1",
    "what is installed of the first phase, as a folder to carry away",
    "ncmodel bundle create /media/usb/models.tar --volume 4GB",
    "all that is installed, as files that FAT can hold: models-001.tar …",
    "ncmodel bundle verify /media/usb/models",
    "did it survive the journey?",
    "ncmodel bundle import /media/usb/models",
    "put its models into the stores of a machine without a network",
    NULL,
};

const struct command command_bundle = {
    .name = "bundle",
    .summary = "Carry installed models to a machine without a network",
    .arguments = "create|verify|import DIR|FILE.tar... [MODEL...]",
    .words = "create verify import",
    .operands = OPERANDS_FILES,
    .stops_in_order = true,
    .changes = true,
    .groups = {&own_group, &options_selection},
    .description =
	"create puts what the chosen installed models need into a folder: content by its digest, manifests that pin "
	"every file, the lock's pins and checkpoints. Content is hashed while it is copied; what is there already and "
	"right stays, so the same command goes on after an interruption. The same models make the same bytes. What was "
	"unpacked from an archive is left out, and told.\n\n"
	"A FILE.tar is one tar instead, and with --volume several, FILE-001.tar …, each a whole tar: what does not fit "
	"into one goes on in the next, as HEX.OFFSET. Volumes that are there and right stay.\n\n"
	"--for leaves out what the receiver's lock pins; an import there finds it in the stores, and tells what it "
	"does "
	"not find. Of a file of which that lock pins another version, volumes have only the 16 MiB pieces that "
	"differ, if "
	"the checkpoints of that version lie beside the lock (`ncmodel lock --checkpoints` writes them) or are kept "
	"here.\n\n"
	"verify hashes everything that the folder should have, and tells of a large file which of its pieces are "
	"damaged. Ends with 4 if anything is not right, with 2 if no index is there that can be read.\n\n"
	"import is a pull of the folder's manifests out of the folder, with no network: linked where the disk is the "
	"same, else copied, and proven before anything has its name. Where the own lock pins other bytes it is "
	"refused, "
	"unless --update says to take those of the folder.\n\n"
	"verify and import take volumes in any order, or the folder that has them. An import proves each 16 MiB as it "
	"comes, unpacks beside models.json and removes that again; interrupted, it goes on. What is damaged or missing "
	"is "
	"told with its volume, the rest is imported, and the same command with sound volumes brings what was "
	"lacking.\n\n"
	"The folder, or its address on any web server, also serves `pull --mirror`.",
    .examples = examples,
    .run = run,
};
