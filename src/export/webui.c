/* SPDX-License-Identifier: MIT */
/* AUTOMATIC1111's Stable Diffusion WebUI: how it is started, by the flags of "Local AI Capability Matrix". */
#include "export/export.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/strings.h"

#include <string.h>

#define FLAGS "--api --listen --xformers --opt-sdp-attention"

static const struct ncm_store *store_of(const struct exported *exported, const struct ncm_reg_file *file)
{
	const size_t store = ncm_layout_store_of(exported->layout, file->abs, file->store);

	return store == NCM_NO_STORE ? NULL : &exported->layout->stores[store];
}

/* Whether a file of the model lies in the WebUI's own folders. */
static bool has_it(const struct exported *exported, const struct ncm_reg_model *model)
{
	for (size_t i = 0; i < model->file_count; i++) {
		const struct ncm_store *store = store_of(exported, &model->files[i]);

		if (store && ncm_same_text(store->id, "a1111"))
			return true;
	}
	return false;
}

void export_a1111(struct exported *exported, struct ncm_buffer *out)
{
	const struct ncm_store *store = ncm_layout_find(exported->layout, "a1111");
	NCM_AUTO_FREE char *folder = store ? ncm_shell_word(store->path) : NULL;

	ncm_buffer_puts(out,
			"# webui-user.sh. --listen lets other machines in, and there is no password: leave it out, or "
			"add --gradio-auth NAME:PASSWORD.\n"
			"# Windows, webui-user.bat: set COMMANDLINE_ARGS=" FLAGS "\n"
			"export COMMANDLINE_ARGS=\"" FLAGS "\"\n");
	for (size_t i = 0; i < exported->registered_count; i++) {
		if (has_it(exported, exported->registered[i]))
			ncm_strings_add(&exported->out->models, exported->registered[i]->id);
	}
	if (folder && export_is_plain(folder))
		ncm_buffer_printf(out, "# its models lie in %s\n", folder);
}
