/* SPDX-License-Identifier: MIT */
/* What has models loaded at start: a unit of systemd, an agent of launchd, a task of Windows. */
#include "export/export.h"

#include "base/mem.h"

#include <string.h>

/* Ollama loads a model for a request without words (its FAQ, "preload a model"). The caller frees both. */
static void request_of(const struct exported *exported, const struct export_model *model, char **body, char **url)
{
	const bool embeds = export_is_embedding(model);
	NCM_AUTO_JSON json_t *object = json_pack("{s:s}", "model", model->tag);
	NCM_AUTO_FREE char *address = export_address(exported, model);

	if (embeds)
		json_object_set_new(object, "input", json_string(""));
	*body = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
	*url = ncm_asprintf("%s%s", address, embeds ? "/api/embed" : "/api/generate");
}

/* The server may not be there yet. No option has a space in it: launchd wants them one by one. */
#define CURL_OPTIONS "--fail --silent --show-error --output %s --retry 30 --retry-delay 2 --retry-connrefused --data"

static void add_exec(const struct exported *exported, const struct export_model *model, struct ncm_buffer *out)
{
	NCM_AUTO_FREE char *body = NULL, *url = NULL, *word = NULL;

	request_of(exported, model, &body, &url);
	word = export_systemd_word(body);
	ncm_buffer_printf(out, "ExecStart=/usr/bin/curl " CURL_OPTIONS " %s %s\n", "/dev/null", word, url);
}

void export_systemd(struct exported *exported, struct ncm_buffer *out)
{
	const struct export_model *model;
	size_t at = 0;

	ncm_buffer_puts(out, "# ncmodel-preload.service. How long a model stays, the server's OLLAMA_KEEP_ALIVE says.\n"
			     "[Unit]\nDescription=Loads models into Ollama\nWants=network-online.target\n"
			     "After=network-online.target ollama.service\n\n[Service]\nType=oneshot\n"
			     "RemainAfterExit=yes\nDynamicUser=yes\n");
	while ((model = export_next_preload(exported, &at))) {
		add_exec(exported, model, out);
		export_has(exported, model);
	}
	ncm_buffer_puts(out, "\n[Install]\nWantedBy=multi-user.target\n");
}

static void add_string(const char *text, struct ncm_buffer *out)
{
	NCM_AUTO_FREE char *safe = export_xml_text(text);

	ncm_buffer_printf(out, "\t\t<string>%s</string>\n", safe);
}

/* One curl makes all requests: options count up to --next. */
static void add_arguments(const struct exported *exported, const struct export_model *model, bool first,
			  struct ncm_buffer *out)
{
	NCM_AUTO_FREE char *options = ncm_asprintf(CURL_OPTIONS, "/dev/null"), *body = NULL, *url = NULL;
	char *rest = options;
	const char *option;

	request_of(exported, model, &body, &url);
	if (!first)
		add_string("--next", out);
	while ((option = strsep(&rest, " ")))
		add_string(option, out);
	add_string(body, out);
	add_string(url, out);
}

/* launchd.plist(5). */
void export_launchd(struct exported *exported, struct ncm_buffer *out)
{
	const struct export_model *model;
	size_t at = 0;

	ncm_buffer_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			     "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
			     "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
			     "<!-- ~/Library/LaunchAgents/ncmodel.preload.plist. How long a model stays, the server's "
			     "OLLAMA_KEEP_ALIVE says. -->\n"
			     "<plist version=\"1.0\">\n<dict>\n\t<key>Label</key>\n\t<string>ncmodel.preload</string>\n"
			     "\t<key>RunAtLoad</key>\n\t<true/>\n\t<key>ProgramArguments</key>\n\t<array>\n");
	add_string("/usr/bin/curl", out);
	while ((model = export_next_preload(exported, &at))) {
		add_arguments(exported, model, exported->out->models.count == 0, out);
		export_has(exported, model);
	}
	ncm_buffer_puts(out, "\t</array>\n</dict>\n</plist>\n");
}

static void add_action(const struct exported *exported, const struct export_model *model, struct ncm_buffer *out)
{
	NCM_AUTO_FREE char *body = NULL, *url = NULL, *word = NULL, *arguments = NULL, *safe = NULL;

	request_of(exported, model, &body, &url);
	word = export_windows_word(body);
	arguments = ncm_asprintf(CURL_OPTIONS " %s %s", "NUL", word, url);
	safe = export_xml_text(arguments);
	ncm_buffer_printf(out,
			  "    <Exec>\n      <Command>%%SystemRoot%%\\System32\\curl.exe</Command>\n"
			  "      <Arguments>%s</Arguments>\n    </Exec>\n",
			  safe);
}

/* Task Scheduler Schema 1.2 ([MS-TSCH] 2.5); it replaces %NAME% in an action, and takes 32 of them. */
void export_schtasks(struct exported *exported, struct ncm_buffer *out)
{
	enum { ACTIONS_MOST = 32 };
	const struct export_model *model;
	size_t at = 0;

	ncm_buffer_puts(out,
			"<?xml version=\"1.0\"?>\n"
			"<!-- ncmodel-preload.xml: schtasks /Create /TN ncmodel-preload /XML ncmodel-preload.xml -->\n"
			"<Task version=\"1.2\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">\n"
			"  <RegistrationInfo>\n    <Description>Loads models into Ollama</Description>\n"
			"  </RegistrationInfo>\n  <Triggers>\n    <LogonTrigger>\n      <Enabled>true</Enabled>\n"
			"    </LogonTrigger>\n  </Triggers>\n  <Settings>\n"
			"    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>\n"
			"    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>\n  </Settings>\n  <Actions>\n");
	while ((model = export_next_preload(exported, &at))) {
		if (strchr(model->tag, '%') || exported->out->models.count == ACTIONS_MOST) {
			export_leaves_out(exported, model, "a task has no spelling for its name, or no room");
			continue;
		}
		add_action(exported, model, out);
		export_has(exported, model);
	}
	ncm_buffer_puts(out, "  </Actions>\n</Task>\n");
}
