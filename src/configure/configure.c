/* SPDX-License-Identifier: MIT */
/* `link --configure`: the applications, and what becomes of their settings. */
#include "configure/work.h"

#include "base/mem.h"
#include "base/nearest.h"
#include "base/strings.h"

#include <string.h>

static const struct application applications[] = {
    {"comfyui", tell_comfyui, true},    {"fooocus", tell_fooocus, true},      {"sdnext", tell_sdnext, true},
    {"swarmui", tell_swarmui, true},    {"llama-cpp", tell_llama_cpp, false}, {"jan", tell_jan, false},
    {"a1111", tell_flags, false},       {"forge", tell_flags, false},         {"forge-neo", tell_flags, false},
    {"lmstudio", tell_lmstudio, false},
};

enum { COUNT = sizeof applications / sizeof *applications };

const char *const *ncm_configure_applications(void)
{
	static const char *names[COUNT + 1];

	for (size_t i = 0; i < COUNT; i++)
		names[i] = applications[i].name;
	return names;
}

const char *ncm_configure_state_name(enum ncm_configure_state state)
{
	static const char *const names[] = {
	    [NCM_CONFIGURE_SAME] = "same",       [NCM_CONFIGURE_WOULD] = "would-write",
	    [NCM_CONFIGURE_WRITTEN] = "written", [NCM_CONFIGURE_REMOVED] = "removed",
	    [NCM_CONFIGURE_REFUSED] = "refused",
	};

	return names[state];
}

const char *ncm_setting_state_name(enum ncm_setting_state state)
{
	static const char *const names[] = {
	    [NCM_SETTING_ADDED] = "added",
	    [NCM_SETTING_THERE] = "there",
	    [NCM_SETTING_DIFFERS] = "differs",
	    [NCM_SETTING_LEFT] = "left",
	};

	return names[state];
}

struct ncm_setting *add_setting(struct work *work, const char *key, const char *value, const char *store,
				enum ncm_setting_state state, char *why)
{
	struct ncm_setting *setting = NCM_PUSH(work->report->settings, work->report->setting_count);

	*setting = (struct ncm_setting){ncm_strdup(key), ncm_strdup(value), ncm_strdup_null(store), .state = state,
					.why = why};
	return setting;
}

struct ncm_configure_file *add_file(struct work *work, const char *path)
{
	struct ncm_configure_file *file = NCM_PUSH(work->report->files, work->report->file_count);

	*file = (struct ncm_configure_file){.path = ncm_strdup(path)};
	return file;
}

void advise(struct work *work, char *line)
{
	ncm_strings_take(&work->report->advice, line);
}

static const struct application *find(const char *name, struct ncm_error *err)
{
	struct ncm_nearest nearest = {.to = name};
	struct ncm_buffer all = {0};
	const char *close;

	for (size_t i = 0; i < COUNT; i++) {
		if (strcmp(applications[i].name, name) == 0) {
			ncm_buffer_free(&all);
			return &applications[i];
		}
		ncm_nearest_offer(&nearest, applications[i].name);
		ncm_buffer_printf(&all, "%s%s", i ? ", " : "", applications[i].name);
	}
	close = ncm_nearest_close(&nearest);
	ncm_error_set(err, NCM_E_USAGE, "--configure %s: there is no such application", name);
	ncm_error_hint(err, "%s%s%sthese can be told: %s", close ? "did you mean " : "", close ? close : "",
		       close ? "? " : "", all.data);
	ncm_buffer_free(&all);
	return NULL;
}

/* A folder that holds our settings alone is in the way of whoever installs the application there. */
static int check_there(const struct work *work, struct ncm_error *err)
{
	if (!work->application->lives_there || work->options->undo || os_access(OS_HERE, work->own->path, 0) == 0)
		return 0;
	ncm_error_set(err, NCM_E_USAGE, "--configure %s: the application is not in %s", work->application->name,
		      work->own->path);
	return ncm_error_hint(err, "install it there, or say where it is: --store-path %s=DIR", work->own->id);
}

static int begin(struct work *work, struct ncm_error *err)
{
	const struct ncm_configure_options *options = work->options;

	work->application = find(options->application, err);
	if (!work->application)
		return -1;
	work->layout = ncm_layout_load(work->config, err);
	if (!work->layout)
		return -1;
	work->own = ncm_layout_find(work->layout, options->application);
	if (!work->own && work->application->tell != tell_lmstudio)
		return ncm_layout_lacks(work->layout, options->application, err);
	for (size_t i = 0; i < options->store_count; i++) {
		if (!ncm_layout_find(work->layout, options->stores[i]))
			return ncm_layout_lacks(work->layout, options->stores[i], err);
	}
	return check_there(work, err);
}

static void end(struct work *work)
{
	for (size_t i = 0; i < work->offer_count; i++)
		free(work->offers[i].path);
	free(work->offers);
	ncm_layout_free(work->layout);
}

struct ncm_configure_report *ncm_configure(const struct ncm_config *config, const struct ncm_configure_options *options,
					   const struct ncm_sink *sink, struct ncm_error *err)
{
	struct work work = {.config = config, .options = options, .sink = sink};
	struct ncm_configure_report *report = NULL;

	if (begin(&work, err) == 0) {
		report = ncm_calloc(1, sizeof *report);
		report->application = ncm_strdup(options->application);
		work.report = report;
		find_offers(&work);
		work.application->tell(&work);
	}
	end(&work);
	return report;
}

void ncm_configure_free(struct ncm_configure_report *report)
{
	if (!report)
		return;
	for (size_t i = 0; i < report->file_count; i++) {
		free(report->files[i].path);
		free(report->files[i].text);
		free(report->files[i].kept);
		free(report->files[i].why);
	}
	for (size_t i = 0; i < report->setting_count; i++) {
		free(report->settings[i].key);
		free(report->settings[i].value);
		free(report->settings[i].store);
		free(report->settings[i].why);
	}
	free(report->files);
	free(report->settings);
	ncm_strings_free(&report->advice);
	free(report->application);
	free(report);
}
