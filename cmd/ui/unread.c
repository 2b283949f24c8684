/* SPDX-License-Identifier: MIT */
#include "ui/unread.h"

#include "ui/text.h"

#include <stdio.h>

enum { LONGEST = 1024 };

void unread_print(const struct ncm_unread *unread, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		AUTO_FREE char *path = text_safe_long(unread[i].path, LONGEST);
		AUTO_FREE char *detail = text_safe_long(unread[i].detail, LONGEST);

		printf("Cannot be read: %s: %s\n", path, detail);
	}
}

int unread_record(struct report *report, const struct ncm_unread *unread, size_t count)
{
	int exit_code = 0;

	for (size_t i = 0; i < count; i++) {
		AUTO_FREE char *message = text_format("%s cannot be read: %s", unread[i].path, unread[i].detail);

		exit_code = report_silently(report, NCM_E_IO, message, NULL);
	}
	return exit_code;
}

json_t *unread_json(const struct ncm_unread *unread, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *object = json_object();

		json_put_text(object, "path", unread[i].path);
		json_put_text(object, "detail", unread[i].detail);
		json_push(array, object);
	}
	return array;
}
