/* SPDX-License-Identifier: MIT */
/*
 * What the hub's refusals mean. X-Error-Code tells them apart; a 401 or 403 is one of three: no token sent, token
 * rejected, token accepted but access not granted.
 */
#include "source/hf.h"

#include "base/mem.h"

#include <string.h>
#include <strings.h>

static const char token_page[] = "https://huggingface.co/settings/tokens";

/* The page of the repository that an URL of the hub is about. NULL if it is none (a content network's URL). The caller
 * frees it. */
static char *page_of(const char *url)
{
	static const char api[] = "/api/models/";
	const char *route = strstr(url, "/resolve/");
	const char *start = strstr(url, api);
	const char *end;

	if (!start)
		return route ? ncm_strndup(url, (size_t)(route - url)) : NULL;
	end = strstr(start, "/revision/");
	if (!end)
		end = strstr(start, "/tree/");
	if (!end)
		end = start + strlen(start);
	return ncm_asprintf("%.*s/%.*s", (int)(start - url), url, (int)(end - start - (long)strlen(api)),
			    start + strlen(api));
}

struct refusal {
	const struct ncm_reply *reply;
	const char *what;
	const char *page;
	bool sent_token;
	const char *code;    /* X-Error-Code, or "" */
	const char *message; /* X-Error-Message, or "" */
};

static int judge_gated(const struct refusal *refusal, struct ncm_error *err)
{
	if (!refusal->sent_token) {
		ncm_error_set(err, NCM_E_AUTH, "%s: its licence has to be accepted first, and no token was sent",
			      refusal->what);
		return ncm_error_hint(err, "accept the licence at %s, make a token at %s, and set HF_TOKEN",
				      refusal->page, token_page);
	}
	ncm_error_set(err, NCM_E_AUTH, "%s: the token is accepted, but its account has not been granted access",
		      refusal->what);
	return ncm_error_hint(err,
			      "accept the licence at %s with the account that HF_TOKEN belongs to; some owners "
			      "grant access by hand",
			      refusal->page);
}

static int judge_401(const struct refusal *refusal, struct ncm_error *err)
{
	bool not_found = strcmp(refusal->code, "RepoNotFound") == 0 || strcasestr(refusal->message, "not found");

	if (strcmp(refusal->code, "GatedRepo") == 0)
		return judge_gated(refusal, err);
	if (strcasestr(refusal->message, "invalid credentials") || (refusal->sent_token && !not_found)) {
		ncm_error_set(err, NCM_E_AUTH, "%s: Hugging Face rejected the token", refusal->what);
		return ncm_error_hint(err, "it may have expired or been revoked: make a new one at %s and set HF_TOKEN",
				      token_page);
	}
	if (not_found) {
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: does not exist, or is private or gated%s", refusal->what,
			      refusal->sent_token ? "" : ", and no token was sent");
		return ncm_error_hint(err,
				      "check the name at %s; for a private or gated one make a token at %s and set "
				      "HF_TOKEN",
				      refusal->page, token_page);
	}
	ncm_error_set(err, NCM_E_AUTH, "%s: Hugging Face wants a token, and none was sent", refusal->what);
	return ncm_error_hint(err, "make a token at %s and set HF_TOKEN; a gated licence is accepted at %s", token_page,
			      refusal->page);
}

static int judge_403(const struct refusal *refusal, struct ncm_error *err)
{
	if (strcmp(refusal->code, "GatedRepo") == 0 || strcasestr(refusal->message, "is restricted"))
		return judge_gated(refusal, err);
	if (strcasestr(refusal->message, "disabled")) {
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: was taken down: %.256s", refusal->what, refusal->message);
		return ncm_error_hint(err, "see %s", refusal->page);
	}
	if (refusal->sent_token) {
		ncm_error_set(err, NCM_E_AUTH, "%s: the token is accepted, but lacks the permission to read this",
			      refusal->what);
		return ncm_error_hint(err, "a fine-grained token has to name this repository: %s", token_page);
	}
	ncm_error_set(err, NCM_E_AUTH, "%s: Hugging Face refuses it, and no token was sent%s%.256s", refusal->what,
		      *refusal->message ? ": " : "", refusal->message);
	return ncm_error_hint(err, "make a token at %s and set HF_TOKEN; a gated licence is accepted at %s", token_page,
			      refusal->page);
}

static int judge_404(const struct refusal *refusal, struct ncm_error *err)
{
	if (strcmp(refusal->code, "RepoNotFound") == 0) {
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: there is no such repository%s", refusal->what,
			      refusal->sent_token ? ", or the token may not see it" : "");
		return ncm_error_hint(err, "check the name at %s", refusal->page);
	}
	if (strcmp(refusal->code, "RevisionNotFound") == 0) {
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: there is no such revision (branch, tag or commit)",
			      refusal->what);
		return ncm_error_hint(err, "see the branches and tags at %s/tree/main", refusal->page);
	}
	if (strcmp(refusal->code, "EntryNotFound") == 0) {
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: the repository has no such file or folder at this revision",
			      refusal->what);
		return ncm_error_hint(err, "see its files at %s/tree/main", refusal->page);
	}
	if (*refusal->code || strstr(refusal->page, "://huggingface.co/"))
		return 0;
	/* The hub says what it misses. */
	ncm_error_set(
	    err, NCM_E_NOT_FOUND,
	    "%s: %s is not there (404): that server does not have it, or knows a part of Hugging Face's API alone",
	    refusal->what, refusal->reply->url);
	return ncm_error_hint(err, "check the spelling of the name, the revision and the file; then HF_ENDPOINT (the "
				   "configuration's \"endpoints\"), which names that server");
}

static int judge_refusal(const struct refusal *refusal, struct ncm_error *err)
{
	switch (refusal->reply->status) {
	case 401:
		return judge_401(refusal, err);
	case 403:
		return judge_403(refusal, err);
	case 404:
		return judge_404(refusal, err);
	case 451:
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: not offered for legal reasons", refusal->what);
		return ncm_error_hint(err, "see %s", refusal->page);
	default:
		return 0;
	}
}

static int judge(const struct ncm_reply *reply, const char *what, bool sent_credential, struct ncm_error *err)
{
	NCM_AUTO_FREE char *page = reply->status >= 400 && reply->url ? page_of(reply->url) : NULL;
	NCM_AUTO_FREE char *code = NULL;
	NCM_AUTO_FREE char *message = NULL;

	if (!page)
		return 0;
	code = ncm_reply_header(reply, "X-Error-Code");
	message = ncm_reply_header(reply, "X-Error-Message");
	return judge_refusal(&(const struct refusal){.reply = reply,
						     .what = what,
						     .page = page,
						     .sent_token = sent_credential,
						     .code = code ? code : "",
						     .message = message ? message : ""},
			     err);
}

const struct ncm_service hf_service = {.name = "Hugging Face", .judge = judge};
