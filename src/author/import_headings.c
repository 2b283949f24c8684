/* SPDX-License-Identifier: MIT */
/*
 * Lists of the batchlinks extension of the web UI: "#lora" and other headings say the folder of the addresses below
 * them, "##" begins a comment, "> NAME" renames, "@new #WORD PATH" makes a heading, "!" is a command (its README).
 */
#include "author/import.h"

#include "author/shell.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strings.h"
#include "source/source.h"

#include <string.h>
#include <strings.h>

static const char *const headings[][2] = {
    {"model", "models/Stable-diffusion"},
    {"models", "models/Stable-diffusion"},
    {"checkpoint", "models/Stable-diffusion"},
    {"checkpoints", "models/Stable-diffusion"},
    {"embedding", "embeddings"},
    {"embeddings", "embeddings"},
    {"embed", "embeddings"},
    {"embeds", "embeddings"},
    {"textualinversion", "embeddings"},
    {"ti", "embeddings"},
    {"vae", "models/VAE"},
    {"vaes", "models/VAE"},
    {"hypernetwork", "models/hypernetworks"},
    {"hypernetworks", "models/hypernetworks"},
    {"hypernet", "models/hypernetworks"},
    {"hypernets", "models/hypernetworks"},
    {"hynet", "models/hypernetworks"},
    {"hynets", "models/hypernetworks"},
    {"lora", "models/Lora"},
    {"loras", "models/Lora"},
    {"lycoris", "models/LyCORIS"},
    {"locon", "models/LyCORIS"},
    {"addnetlora", "extensions/sd-webui-additional-networks/models/lora"},
    {"loraaddnet", "extensions/sd-webui-additional-networks/models/lora"},
    {"additionalnetworks", "extensions/sd-webui-additional-networks/models/lora"},
    {"addnet", "extensions/sd-webui-additional-networks/models/lora"},
    {"aestheticembedding", "extensions/stable-diffusion-webui-aesthetic-gradients/aesthetic_embeddings"},
    {"aestheticembed", "extensions/stable-diffusion-webui-aesthetic-gradients/aesthetic_embeddings"},
    {"controlnet", "models/ControlNet"},
    {"cnet", "models/ControlNet"},
    {"upscaler", "models/ESRGAN"},
    {"upscalers", "models/ESRGAN"},
    {"wildcard", "extensions/sd-dynamic-prompts/wildcards"},
    {"wildcards", "extensions/sd-dynamic-prompts/wildcards"},
};

struct headed {
	json_t *own;  /* headings that the list makes → path */
	char *folder; /* of the heading above; or NULL */
};

static const char *find(const struct headed *headed, const char *word)
{
	const char *path = headed ? ncm_json_string(headed->own, word) : NULL;

	for (size_t i = 0; !path && i < sizeof headings / sizeof *headings; i++) {
		if (strcasecmp(headings[i][0], word) == 0)
			path = headings[i][1];
	}
	return path;
}

/* "#lora" → "lora", with nothing behind it but blanks or a comment. The caller frees it; NULL: it is no heading. */
static char *heading_of(const char *line)
{
	const size_t size = *line == '#' ? strcspn(line + 1, " \t\r\n#") : 0;
	const char *behind = line + 1 + size;

	if (size == 0)
		return NULL;
	behind += strspn(behind, " \t\r");
	return *behind == '\0' || *behind == '\n' || strncmp(behind, "##", 2) == 0 ? ncm_strndup(line + 1, size) : NULL;
}

bool import_is_headings(const struct list *list)
{
	bool heading = false, address = false;

	for (const char *at = list->text; *at && !list->json && !address; at += *at == '\n') {
		NCM_AUTO_FREE char *line = ncm_strndup(at, strcspn(at, "\n"));
		const char *start = line + strspn(line, " \t");
		NCM_AUTO_FREE char *word = heading_of(start);

		heading = heading || (word && find(NULL, word));
		address = heading && ncm_source_of(start);
		at += strlen(line);
	}
	return address;
}

static bool is_code(const char *address)
{
	return strstr(address, "://github.com/") && !strstr(address, "/raw/") && !strstr(address, "/releases/") &&
	       !strstr(address, "/blob/");
}

/* "ADDRESS > NAME ##comment" */
static void take_address(struct import *import, size_t line, char *text, const struct headed *headed)
{
	char *comment = strstr(text, "##");
	const char *rest, *sign;
	NCM_AUTO_FREE char *address = NULL, *name = NULL;

	if (comment)
		*comment = '\0';
	rest = text + strcspn(text, " \t>");
	sign = rest + strspn(rest, " \t");
	address = ncm_strndup(text, (size_t)(rest - text));
	if (*sign == '>')
		name = shell_trimmed(sign + 1); /* it may have blanks in it */
	else if (*sign)
		author_tell(&import->author, line, sign, "stands behind an address, and means nothing here");
	if (is_code(address)) {
		author_tell(&import->author, line, address, "is a repository of code, and is not taken");
		return;
	}
	import_item(import, &(const struct import_item){.line = line,
							.uri = address,
							.place = headed->folder,
							.name = name && *name ? name : NULL,
							.store = "a1111"});
}

static void set_heading(struct import *import, size_t line, const char *word, struct headed *headed)
{
	const char *path = find(headed, word);

	free(headed->folder);
	headed->folder = path ? ncm_strdup(path) : NULL;
	if (!path)
		author_tell(&import->author, line, word,
			    "is no heading that is known: what stands below goes where such models go");
}

/* "@new #WORD PATH" */
static void make_heading(struct import *import, size_t line, char *text, struct headed *headed)
{
	char *rest = text;
	const char *word, *path;

	(void)strsep(&rest, " \t");
	word = rest ? strsep(&rest, " \t") : "";
	path = rest ? rest + strspn(rest, " \t") : "";
	if (*word == '#' && word[1] && *path)
		ncm_json_set_string(headed->own, word + 1, path);
	else
		author_leave_out(&import->author, line, text, "makes no heading");
}

static void take_line(struct import *import, size_t line, char *text, void *context)
{
	struct headed *headed = context;
	char *start = text + strspn(text, " \t");
	NCM_AUTO_FREE char *word = heading_of(start);

	if (word)
		set_heading(import, line, word, headed);
	else if (strncmp(start, "@new ", 5) == 0)
		make_heading(import, line, start, headed);
	else if (strstr(start, "://") && *start != '#' && *start != '!')
		take_address(import, line, start, headed);
	else if (*start && *start != '#')
		author_tell(&import->author, line, start, "is no address, and is not gone by");
}

int import_headings(struct import *import, const struct list *list, struct ncm_error *err)
{
	struct headed headed = {.own = json_object()};

	(void)err;
	if (!import->to_store)
		import->home = "a1111";
	import_lines(import, list->text, take_line, &headed);
	json_decref(headed.own);
	free(headed.folder);
	return 0;
}
