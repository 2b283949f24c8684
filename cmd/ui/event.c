/* SPDX-License-Identifier: MIT */
/* Events for programs (--progress json). The names are part of the interface. */
#include "ui/json.h"
#include "ui/progress.h"

static const char *event_name(enum ncm_event_type type)
{
	static const char *const names[] = {
	    [NCM_EVENT_NOTE] = "note",
	    [NCM_EVENT_WARNING] = "warning",
	    [NCM_EVENT_DEBUG] = "debug",
	    [NCM_EVENT_WAITING] = "waiting",
	    [NCM_EVENT_RESOLVED] = "resolved",
	    [NCM_EVENT_STARTED] = "started",
	    [NCM_EVENT_PROGRESS] = "progress",
	    [NCM_EVENT_RETRY] = "retry",
	    [NCM_EVENT_FETCHED] = "fetched",
	    [NCM_EVENT_FAILED] = "failed",
	    [NCM_EVENT_PLACED] = "placed",
	    [NCM_EVENT_VERIFIED] = "verified",
	    [NCM_EVENT_REGISTERED] = "registered",
	    [NCM_EVENT_SENT] = "sent",
	};

	return names[type];
}

static bool concerns_file(enum ncm_event_type type)
{
	return type == NCM_EVENT_STARTED || type == NCM_EVENT_PROGRESS || type == NCM_EVENT_RETRY ||
	       type == NCM_EVENT_FETCHED || type == NCM_EVENT_SENT || type == NCM_EVENT_FAILED;
}

void event_print(const struct ncm_event *event, const struct meter *meter)
{
	json_t *object = json_object();

	json_put_text(object, "event", event_name(event->type));
	json_put_now(object);
	if (concerns_file(event->type))
		json_put_number(object, "slot", event->slot);
	if (event->model)
		json_put_text(object, "model", event->model);
	if (event->file)
		json_put_text(object, "file", event->file);
	if (event->text)
		json_put_text(object, "text", event->text);
	if (event->total || event->done) {
		json_put_number(object, "done", event->done);
		json_put_number(object, "total", event->total);
	}
	if (event->stage)
		json_put_text(object, "stage", event->stage);
	if (event->type == NCM_EVENT_PROGRESS) {
		json_put_number(object, "connections", event->connections);
		json_put_number(object, "rate", (uint64_t)meter->rate);
		if (meter_left(meter) >= 0)
			json_put_number(object, "eta", (uint64_t)(meter_left(meter) + 0.5));
	}
	json_print(object, true, stderr);
	json_decref(object);
}
