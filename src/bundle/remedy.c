/* SPDX-License-Identifier: MIT */
/* What is to be done where volumes do not bring all that they should. */
#include "base/buffer.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "bundle/volumes.h"

static bool is_missing(const struct ncm_bundle *bundle, size_t i)
{
	return bundle->volumes[i].state == NCM_BUNDLE_MISSING && bundle->impl->lacks_parts;
}

/* Behind what of one cannot be read nobody knows what there was. */
static bool is_spoilt(const struct ncm_bundle *bundle, size_t i)
{
	const struct bundle_volumes *volumes = bundle->impl;

	return i < volumes->count && ((volumes->spoilt && volumes->spoilt[i]) ||
				      (bundle->volumes[i].state == NCM_BUNDLE_DAMAGED && volumes->lacks_parts));
}

static void add(struct ncm_buffer *text, const struct ncm_bundle *bundle,
		bool (*is)(const struct ncm_bundle *bundle, size_t i), const char *one, const char *several)
{
	size_t count = 0;

	for (size_t i = 0; i < bundle->volume_count; i++) {
		const char *name = ncm_path_base(bundle->volumes[i].path);

		if (is(bundle, i))
			ncm_buffer_printf(text, "%s%s", count++ > 0 ? ", " : text->size > 0 ? "; " : "", name);
	}
	if (count > 0)
		ncm_buffer_puts(text, count > 1 ? several : one);
}

char *bundle_remedy(const struct ncm_bundle *bundle)
{
	struct ncm_buffer text = {0};

	add(&text, bundle, is_missing, " is missing: import it, too", " are missing: import them, too");
	add(&text, bundle, is_spoilt, " is damaged: copy it again, and import it",
	    " are damaged: copy them again, and import them");
	if (text.size > 0)
		ncm_buffer_puts(&text, "; what has come stays");
	if (bundle->impl->lacks_bases)
		ncm_buffer_printf(&text,
				  "%sask for a bundle made without --for: this one builds on older versions that are "
				  "not here, or damaged",
				  text.size > 0 ? "; " : "");
	return text.size > 0 ? ncm_buffer_take(&text) : NULL;
}
