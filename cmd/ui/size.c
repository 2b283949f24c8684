/* SPDX-License-Identifier: MIT */
#include "ui/size.h"

#include "ui/text.h"

#include <ncmodel/text.h>

char *size_text(uint64_t bytes, const struct ncm_doubt *doubt)
{
	char size[32];

	ncm_format_size(bytes, size, sizeof size);
	if (doubt->unknown == 0)
		return text_format("%s%s", doubt->expected > 0 ? "~" : "", size);
	if (bytes == 0)
		return text_format("%zu of unknown size", doubt->unknown);
	return text_format("%s%s and %zu of unknown size", doubt->expected > 0 ? "~" : "", size, doubt->unknown);
}
