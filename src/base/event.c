/* SPDX-License-Identifier: MIT */
#include <ncmodel/log.h>

#include "base/address.h"
#include "base/mem.h"

void ncm_emit(const struct ncm_sink *sink, const struct ncm_event *event)
{
	if (sink && sink->emit)
		sink->emit(sink->context, event);
}

void ncm_emit_deed(const struct ncm_sink *sink, const struct ncm_deed *deed)
{
	ncm_emit(sink, &(struct ncm_event){.type = NCM_EVENT_DEED, .model = deed->model, .deed = deed});
}

void ncm_emit_text(const struct ncm_sink *sink, enum ncm_event_type type, const char *format, ...)
{
	NCM_AUTO_FREE char *text = NULL;
	va_list args;

	if (!sink || !sink->emit)
		return;
	va_start(args, format);
	text = ncm_text_swept(ncm_vasprintf(format, args));
	va_end(args);
	ncm_emit(sink, &(struct ncm_event){.type = type, .text = text});
}
