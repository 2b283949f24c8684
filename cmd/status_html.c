/* SPDX-License-Identifier: MIT */
#include "status_html.h"

#include "ui/clock.h"
#include "ui/text.h"

#include <ncmodel/ncmodel.h>

#include <string.h>
#include <time.h>

/* What others wrote: escaped as for a terminal, then for HTML, in text and in attributes. */
static void put(FILE *out, const char *foreign)
{
	AUTO_FREE char *safe = text_safe_path(foreign ? foreign : "");

	for (const char *at = safe; *at; at++) {
		switch (*at) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		case '\'':
			fputs("&#39;", out);
			break;
		default:
			fputc(*at, out);
		}
	}
}

static void put_size(FILE *out, uint64_t bytes)
{
	char size[32];

	fputs(ncm_format_size(bytes, size, sizeof size), out);
}

/* Tenths of a per cent, so that no locale's comma gets into a style. */
static void put_share(FILE *out, const char *colour, uint64_t part, uint64_t whole)
{
	const unsigned tenths = whole > 0 ? (unsigned)((double)part / (double)whole * 1000) : 0;

	if (tenths > 0)
		fprintf(out, "<i class=\"%s\" style=\"width:%u.%u%%\"></i>", colour, tenths / 10, tenths % 10);
}

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n<title>ncmodel status</title>\n<style>\n"
    ":root{--ink:#1c2330;--dim:#5b6576;--paper:#fff;--line:#dde2ea;--good:#1f7a4d;--bad:#b3261e;--used:#3566b8}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--dim:#9aa5b8;--paper:#14181f;--line:#2c3441;"
    "--good:#4cc38a;--bad:#ff8a80;--used:#7aa7f0}}\n"
    "body{margin:0 auto;padding:1.5rem 1rem 3rem;max-width:60rem;background:var(--paper);color:var(--ink);"
    "font:16px/1.5 system-ui,sans-serif}\n"
    "h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .5rem}p{margin:.3rem "
    "0;overflow-wrap:anywhere}.dim{color:var(--dim)}\n"
    ".good{color:var(--good)}.bad{color:var(--bad)}code{overflow-wrap:anywhere;font-size:.9em}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;width:100%}\n"
    "th,td{text-align:left;padding:.35rem .9rem .35rem 0;border-bottom:1px solid var(--line);vertical-align:top}\n"
    "th{color:var(--dim);font-weight:500}.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}\n"
    ".bar{display:flex;width:100%;min-width:6rem;height:.6rem;margin-top:.45rem;background:var(--line);"
    "border-radius:.3rem;overflow:hidden}\n"
    ".bar i{display:block}.bar .there{background:var(--good)}.bar .hurt{background:var(--bad)}"
    ".bar .used{background:var(--dim)}.bar .ours{background:var(--used)}\n"
    "@media(max-width:34rem){.spare{display:none}}\n"
    "</style>\n</head>\n<body>\n";

static void put_summary(const struct ncm_status *status, FILE *out)
{
	AUTO_FREE char *now = clock_utc((int64_t)time(NULL));

	fprintf(out, "<h1>%zu of %zu %s here</h1>\n", status->there, status->models,
		text_plural(status->models, "model", "models"));
	fprintf(out, "<p class=\"dim\">ncmodel %s, %s. Names, sizes and times were looked at, no content.</p>\n",
		ncm_version(), now);
	if (status->fault_count == 0)
		fputs("<p class=\"good\">Nothing is known to be damaged.</p>\n", out);
	else
		fprintf(out, "<p class=\"bad\">%zu %s known to be wrong: see below.</p>\n", status->fault_count,
			text_plural(status->fault_count, "thing is", "things are"));
}

static void put_line(const struct ncm_status_line *line, bool with_profile, FILE *out)
{
	fputs("<tr><td>", out);
	put(out, line->name);
	if (with_profile) {
		fputs("<br><span class=\"dim\">", out);
		put(out, line->profile);
		fputs("</span>", out);
	}
	fprintf(out, "</td><td class=\"n\">%zu of %zu</td><td><span class=\"bar\">", line->there, line->models);
	put_share(out, "there", line->there, line->models);
	put_share(out, "hurt", line->damaged, line->models);
	fputs("</span></td><td class=\"n\">", out);
	put_size(out, line->bytes);
	fputs("</td><td class=\"n spare\">", out);
	{
		AUTO_FREE char *stated = text_size(line->stated, &line->doubt);

		put(out, stated);
	}
	fputs("</td></tr>\n", out);
}

static void put_table(const struct ncm_status_table *table, const char *title, const char *what, FILE *out)
{
	bool several = false;

	for (size_t i = 1; i < table->count; i++)
		several |= table->lines[i].profile && strcmp(table->lines[i].profile, table->lines[0].profile) != 0;
	if (table->count == 0)
		return;
	fprintf(out,
		"<h2>%s</h2>\n<div class=\"wide\"><table>\n<tr><th>%s</th><th class=\"n\">Here</th><th></th>"
		"<th class=\"n\">Size</th><th class=\"n spare\">Of</th></tr>\n",
		title, what);
	for (size_t i = 0; i < table->count; i++)
		put_line(&table->lines[i], several, out);
	fputs("</table></div>\n", out);
}

static void put_disk(const struct ncm_usage_disk *disk, FILE *out)
{
	fputs("<tr><td><code>", out);
	put(out, disk->path);
	fputs("</code></td><td><span class=\"bar\">", out);
	if (disk->has_space) {
		const uint64_t used = disk->total > disk->free ? disk->total - disk->free : 0;
		const uint64_t ours = disk->stores < used ? disk->stores : used;

		put_share(out, "ours", ours, disk->total);
		put_share(out, "used", used - ours, disk->total);
	}
	fputs("</span></td><td class=\"n\">", out);
	put_size(out, disk->stores);
	fputs("</td><td class=\"n\">", out);
	if (disk->has_space)
		put_size(out, disk->free);
	else
		fputs("not known", out);
	fputs("</td></tr>\n", out);
}

static void put_disks(const struct ncm_usage *usage, FILE *out)
{
	if (usage->disk_count == 0)
		return;
	fputs("<h2>Disks</h2>\n<div class=\"wide\"><table>\n<tr><th>Of</th><th></th><th class=\"n\">In stores</th>"
	      "<th class=\"n\">Free</th></tr>\n",
	      out);
	for (size_t i = 0; i < usage->disk_count; i++)
		put_disk(&usage->disks[i], out);
	fputs("</table></div>\n", out);
	for (size_t i = 0; i < usage->failures.count; i++) {
		fputs("<p class=\"bad\">Not counted: ", out);
		put(out, usage->failures.items[i]);
		fputs("</p>\n", out);
	}
}

static void put_faults(const struct ncm_status *status, FILE *out)
{
	if (status->fault_count == 0)
		return;
	fputs("<h2>Damaged or missing</h2>\n<div class=\"wide\"><table>\n<tr><th>Model</th><th>What</th><th>Where</th>"
	      "</tr>\n",
	      out);
	for (size_t i = 0; i < status->fault_count; i++) {
		const struct ncm_status_fault *fault = &status->faults[i];

		fputs("<tr><td>", out);
		put(out, fault->model);
		fprintf(out, "</td><td class=\"bad\">%s</td><td><code>", fault->what);
		put(out, fault->path);
		fputs("</code> ", out);
		put(out, fault->detail);
		fputs("</td></tr>\n", out);
	}
	fputs("</table></div>\n<p class=\"dim\"><code>ncmodel verify --repair</code> fetches what is wrong.</p>\n",
	      out);
}

static void put_changes(const struct ncm_status *status, FILE *out)
{
	if (status->change_count == 0)
		return;
	fputs("<h2>Outdated</h2>\n<div class=\"wide\"><table>\n<tr><th>Model</th><th>Why</th></tr>\n", out);
	for (size_t i = 0; i < status->change_count; i++) {
		fputs("<tr><td>", out);
		put(out, status->changes[i].model);
		fputs("</td><td>", out);
		put(out, status->changes[i].detail);
		fputs("</td></tr>\n", out);
	}
	fputs("</table></div>\n", out);
}

static void put_running(const struct ncm_runtime_server *server, const struct ncm_running *running, FILE *out)
{
	AUTO_FREE char *until = running->has_until && !running->for_ever ? clock_utc(running->until) : NULL;

	fputs("<tr><td>", out);
	put(out, running->name);
	fputs("<br><span class=\"dim\">", out);
	put(out, server->name);
	if (strcmp(running->state, "loaded") != 0) {
		fputs(", ", out);
		put(out, running->state);
	}
	fputs("</span></td><td class=\"n\">", out);
	if (running->memory)
		put_size(out, running->memory);
	fputs("</td><td class=\"n\">", out);
	if (running->has_vram)
		put_size(out, running->vram);
	fputs("</td><td class=\"n spare\">", out);
	put(out, running->for_ever ? "never" : until);
	fputs("</td></tr>\n", out);
}

static size_t count_running(const struct ncm_runtime_view *view)
{
	size_t count = 0;

	for (size_t i = 0; i < view->count; i++)
		count += view->servers[i].count;
	return count;
}

static void put_server(const struct ncm_runtime_server *server, FILE *out)
{
	fputs("<p class=\"dim\">", out);
	put(out, server->name);
	fputs(": ", out);
	if (server->error.code == NCM_OK) {
		fprintf(out, "%s ", server->title);
		put(out, server->version);
		fputs(" at <code>", out);
		put(out, server->url);
		fprintf(out, "</code>%s", server->count == 0 ? ", nothing is loaded" : "");
	} else {
		AUTO_FREE char *problem = status_now_problem(server);

		put(out, problem);
	}
	fputs("</p>\n", out);
}

static void put_servers(const struct ncm_runtime_view *view, FILE *out)
{
	if (!view)
		return;
	fputs("<h2>Loaded now</h2>\n", out);
	if (count_running(view) > 0)
		fputs("<div class=\"wide\"><table>\n<tr><th>Model</th><th class=\"n\">Memory</th><th class=\"n\">On "
		      "GPU</th>"
		      "<th class=\"n spare\">Unloaded</th></tr>\n",
		      out);
	for (size_t i = 0; i < view->count; i++) {
		for (size_t k = 0; k < view->servers[i].count; k++)
			put_running(&view->servers[i], &view->servers[i].models[k], out);
	}
	if (count_running(view) > 0)
		fputs("</table></div>\n", out);
	for (size_t i = 0; i < view->count; i++)
		put_server(&view->servers[i], out);
}

static void put_stage(const struct stages *stages, const struct stage_need *need, FILE *out)
{
	AUTO_FREE char *sum = need->known ? gib_text(need->sum) : text_copy("not known");
	AUTO_FREE char *models = stage_models(need);
	const bool fits = need->verdict != NCM_FIT_NO;
	const uint64_t shown = need->sum < stages->card ? need->sum : stages->card;

	fputs("<tr><td>", out);
	put(out, need->stage->title);
	fputs("<br><span class=\"dim\">", out);
	put(out, models);
	fputs("</span></td><td><span class=\"bar\">", out);
	put_share(out, fits ? "ours" : "hurt", need->known ? shown : 0, stages->card);
	fprintf(out, "</span></td><td class=\"n\">%s</td><td class=\"%s\">%s</td></tr>\n", sum, fits ? "" : "bad",
		stage_word(need));
}

static void put_stages(const struct stages *stages, FILE *out)
{
	AUTO_FREE char *card = gib_text(stages->card);

	fputs("<h2>VRAM by stage</h2>\n<p class=\"dim\">", out);
	put(out, stages->rules->profile);
	fprintf(out,
		", against %s</p>\n<div class=\"wide\"><table>\n<tr><th>Stage</th><th></th><th class=\"n\">VRAM</th>"
		"<th></th></tr>\n",
		stages->card ? card : "a card not known");
	for (size_t i = 0; i < stages->count; i++)
		put_stage(stages, &stages->items[i], out);
	fputs("</table></div>\n", out);
}

void status_html(const struct ncm_status *status, const struct status_now *now, FILE *out)
{
	fputs(head, out);
	put_summary(status, out);
	put_faults(status, out);
	put_changes(status, out);
	put_table(&status->phases, "Phases", "Phase", out);
	put_table(&status->use_cases, "Use cases", "Use case", out);
	put_servers(now->view, out);
	for (size_t i = 0; i < now->count; i++)
		put_stages(&now->stages[i], out);
	put_disks(status->usage, out);
	fputs("</body>\n</html>\n", out);
}
