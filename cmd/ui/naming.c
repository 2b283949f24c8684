/* SPDX-License-Identifier: MIT */
#include "ui/naming.h"

#include "ui/text.h"

#include <ncmodel/text.h>

#include <ctype.h>
#include <string.h>

enum {
	SMALL_BYTES = 1 << 20,
};

/* What is fetched of one model. */
struct named {
	char *id;
	size_t files;
	size_t large;
	char *first;   /* name of the first large one; all of them begin and end as it does: */
	size_t prefix; /* so many bytes */
	size_t suffix;
	size_t small_count; /* here, and not told yet */
	uint64_t small_bytes;
};

struct naming {
	struct named *models;
	size_t count;
	size_t last; /* found: files come in the order of their models */
};

struct naming *naming_new(void)
{
	return memory_grow(NULL, 1, sizeof(struct naming));
}

void naming_free(struct naming *naming)
{
	if (!naming)
		return;
	for (size_t i = 0; i < naming->count; i++) {
		free(naming->models[i].id);
		free(naming->models[i].first);
	}
	free(naming->models);
	free(naming);
}

static struct named *find(struct naming *naming, const char *id)
{
	for (size_t i = 0; id && i < naming->count; i++) {
		const size_t at = (naming->last + i) % naming->count;

		if (strcmp(naming->models[at].id, id) == 0) {
			naming->last = at;
			return &naming->models[at];
		}
	}
	return NULL;
}

/* Names are parted at their punctuation alone: "Q4_K_M" is not "4" because the other is "Q5_K_M". */
static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (c & 0x80);
}

static bool splits_word(const char *text, size_t at)
{
	return at > 0 && in_word(text[at - 1]) && in_word(text[at]);
}

static size_t common_prefix(const char *a, const char *b, size_t most)
{
	size_t size = 0;

	while (size < most && a[size] && a[size] == b[size])
		size++;
	while (splits_word(a, size) || splits_word(b, size))
		size--;
	return size;
}

static size_t common_suffix(const char *a, const char *b, size_t most)
{
	const size_t a_size = strlen(a), b_size = strlen(b);
	size_t size = 0;

	while (size < most && size < a_size && size < b_size && a[a_size - size - 1] == b[b_size - size - 1])
		size++;
	while (size > 0 && (splits_word(a, a_size - size) || splits_word(b, b_size - size)))
		size--;
	return size;
}

static bool is_fetched(const struct ncm_plan_file *file)
{
	return file->step == NCM_STEP_FETCH || file->step == NCM_STEP_RESUME || file->step == NCM_STEP_REPLACE;
}

static bool is_small(uint64_t size)
{
	return size > 0 && size < SMALL_BYTES;
}

static void add_file(struct named *named, const struct ncm_plan_file *file)
{
	named->files++;
	if (is_small(file->size))
		return;
	if (named->large++ == 0) {
		named->first = text_copy(file->name);
		named->prefix = named->suffix = strlen(file->name);
		return;
	}
	named->prefix = common_prefix(named->first, file->name, named->prefix);
	named->suffix = common_suffix(named->first, file->name, named->suffix);
}

void naming_expect(struct naming *naming, const struct ncm_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct ncm_plan_model *planned = &plan->models[i];
		struct named *named = NULL;

		for (size_t k = 0; k < planned->file_count; k++) {
			if (!planned->files[k].name || !is_fetched(&planned->files[k]))
				continue;
			if (!named) {
				naming->models = memory_grow(naming->models, naming->count + 1, sizeof *naming->models);
				named = &naming->models[naming->count++];
				named->id = text_copy(planned->model->id);
			}
			add_file(named, &planned->files[k]);
		}
	}
}

/* "00001" of "00001-of-00003" does not say how many there are. */
static size_t with_number_of(const char *name, size_t end)
{
	size_t more = 0;

	if (end > 0 && isdigit((unsigned char)name[end - 1]) && strncmp(name + end, "-of-", 4) == 0)
		more = strspn(name + end + 4, "0123456789");
	return more > 0 ? end + 4 + more : end;
}

static char *part_of(const struct named *named, const char *name)
{
	const size_t size = strlen(name);
	AUTO_FREE char *part = NULL;
	size_t end;

	if (named->large < 2)
		return text_copy("");
	if (named->prefix + named->suffix >= size)
		return text_safe(name);
	end = with_number_of(name, size - named->suffix);
	part = text_format("%.*s", (int)(end - named->prefix), name + named->prefix);
	return text_safe(part);
}

char *naming_part(struct naming *naming, const struct ncm_event *event)
{
	const struct named *named = find(naming, event->model);
	const char *name = event->file ? event->file : "", *model = event->model ? event->model : "";
	const size_t size = strlen(name), model_size = strlen(model);

	if (named)
		return part_of(named, name);
	if (size <= model_size && strcmp(model + model_size - size, name) == 0)
		return text_copy("");
	return text_safe(name);
}

bool naming_is_small(struct naming *naming, const struct ncm_event *event)
{
	const struct named *named = find(naming, event->model);

	return named && named->files > 1 && is_small(event->total);
}

void naming_add_small(struct naming *naming, const struct ncm_event *event)
{
	struct named *named = find(naming, event->model);

	if (!named)
		return;
	named->small_count++;
	named->small_bytes += event->total ? event->total : event->done;
}

char *naming_take_small(struct naming *naming, const char *model)
{
	struct named *named = model ? find(naming, model) : NULL;
	AUTO_FREE char *id = NULL;
	char size[32];
	char *line;

	for (size_t i = 0; !model && !named && i < naming->count; i++)
		named = naming->models[i].small_count > 0 ? &naming->models[i] : NULL;
	if (!named || named->small_count == 0)
		return NULL;
	id = text_safe(named->id);
	line = text_format("%s  %zu small %s, %s", id, named->small_count,
			   text_plural(named->small_count, "file", "files"),
			   ncm_format_size(named->small_bytes, size, sizeof size));
	named->small_count = 0;
	named->small_bytes = 0;
	return line;
}
