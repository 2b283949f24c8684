/* SPDX-License-Identifier: MIT */
/* What Civitai's refusals mean. An invalid, banned or expired key counts as none, without a word of its own. */
#include "source/civitai.h"

#include "base/mem.h"

#include <string.h>
#include <strings.h>

static const char key_page[] = "https://civitai.com/user/account";

static int want_key(const char *what, const char *complaint, bool sent_key, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_AUTH, "%s: Civitai wants a login%s%.256s; %s", what, complaint ? ": " : "",
		      complaint ? complaint : "",
		      sent_key ? "the API key that was sent is invalid or expired" : "no API key was sent");
	return ncm_error_hint(
	    err,
	    "make a %skey at %s (API Keys), and set CIVITAI_TOKEN or put it into ncmodel/civitai-token below ~/.config",
	    sent_key ? "new " : "", key_page);
}

static int want_access(const char *what, const char *deadline, struct ncm_error *err)
{
	ncm_error_set(err, NCM_E_AUTH, "%s: in early access%s%.64s", what, deadline ? " until " : "",
		      deadline ? deadline : "");
	return ncm_error_hint(err, "wait until then, or buy access on its page and set CIVITAI_TOKEN");
}

/* Where a browser would be sent to log in, a program is at the wrong door, too. */
static int judge_redirect(const struct ncm_reply *reply, const char *what, bool sent_key, struct ncm_error *err)
{
	NCM_AUTO_FREE char *shown = reply->location ? ncm_url_display(reply->location) : NULL;
	const char *path = shown ? strstr(shown, "://") : NULL;

	path = path ? strchr(path + 3, '/') : NULL;
	if (!path)
		return 0;
	if (strcmp(path, "/login") == 0 || strstr(reply->location, "reason=download-auth"))
		return want_key(what, NULL, sent_key, err);
	if (strncmp(path, "/model-versions/", 16) == 0 && strstr(reply->url, "/api/download/"))
		return want_access(what, NULL, err);
	return 0;
}

static bool is_page(const struct ncm_reply *reply)
{
	return reply->body && reply->body[strspn(reply->body, " \t\r\n")] == '<';
}

static int judge_403(const struct ncm_reply *reply, const char *what, const char *complaint, struct ncm_error *err)
{
	NCM_AUTO_JSON json_t *root = NULL;
	const char *error, *deadline;

	if (is_page(reply)) {
		ncm_error_set(err, NCM_E_NETWORK, "%s: a firewall in front of Civitai refuses this machine", what);
		return ncm_error_hint(err, "wait a while; Civitai is not offered in every country");
	}
	root = ncm_json_parse(reply->body ? reply->body : "", reply->body_size, what, NCM_E_PROTOCOL, NULL);
	error = ncm_json_string(root, "error");
	deadline = ncm_json_string(root, "deadline");
	if (deadline || (error && strcasecmp(error, "Early Access") == 0))
		return want_access(what, deadline, err);
	ncm_error_set(err, NCM_E_AUTH, "%s: Civitai refuses it%s%.256s", what, complaint ? ": " : "",
		      complaint ? complaint : "");
	return ncm_error_hint(err, "it is private, or the account that CIVITAI_TOKEN belongs to may not have it");
}

static int judge_401(const char *what, const char *complaint, bool sent_key, struct ncm_error *err)
{
	if (!complaint || !strcasestr(complaint, "disabled"))
		return want_key(what, complaint, sent_key, err);
	ncm_error_set(err, NCM_E_NOT_FOUND, "%s: Civitai says: %.256s", what, complaint);
	return ncm_error_hint(err, "it can be used on the site alone; no key changes that");
}

static int judge_status(const struct ncm_reply *reply, const char *what, bool sent_key, struct ncm_error *err)
{
	NCM_AUTO_FREE char *complaint = ncm_source_complaint(reply);
	const char *says = complaint ? ": " : "", *text = complaint ? complaint : "";

	switch (reply->status) {
	case 400:
		return ncm_error_set(err, NCM_E_USAGE, "%s: Civitai does not understand the request%s%.256s", what,
				     says, text);
	case 401:
		return judge_401(what, complaint, sent_key, err);
	case 403:
		return judge_403(reply, what, complaint, err);
	case 404:
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: Civitai does not have it%s%.256s", what, says, text);
		return ncm_error_hint(err, "check the number: that of a version, not of a model; some models are on "
					   "civitai.red alone (the endpoint can be set)");
	case 410:
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: archived by its creator or by Civitai%s%.256s", what, says,
			      text);
		return ncm_error_hint(err, "choose another version or another place");
	case 429:
		ncm_error_set(err, NCM_E_RATE_LIMIT, "%s: Civitai limits the downloads%s%.256s", what, says, text);
		return ncm_error_hint(err, sent_key ? "wait a while, then run the same command again"
						    : "wait a while, or set CIVITAI_TOKEN: its limits are higher");
	case 451:
		ncm_error_set(err, NCM_E_NOT_FOUND, "%s: Civitai is not offered where you are", what);
		return ncm_error_hint(err, "take the model from another place");
	default:
		return 0;
	}
}

static int judge(const struct ncm_reply *reply, const char *what, bool sent_credential, struct ncm_error *err)
{
	/* Storage has its own ways to refuse. */
	if (!reply->url || (!strstr(reply->url, "/api/download/") && !strstr(reply->url, "/api/v1/")))
		return 0;
	if (reply->status >= 300 && reply->status < 400)
		return judge_redirect(reply, what, sent_credential, err);
	return judge_status(reply, what, sent_credential, err);
}

const struct ncm_service civitai_service = {.name = "Civitai", .judge = judge};
