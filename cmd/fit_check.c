/* SPDX-License-Identifier: MIT */
#include "fit_check.h"

#include "fit_spread.h"
#include "model_name.h"
#include "ui/text.h"

/* What `fit` wants to look at the same model against the same card. The address of one that is spelled out may have a
 * secret in it. The caller frees it. */
static char *fit_arguments(const struct session *session, const struct ncm_model *model, const struct card *card)
{
	AUTO_FREE char *profiles = words_join(&session->settings.profiles, ",");
	AUTO_FREE char *room = card->room > 0 && !card->gpus
				   ? text_format(" --vram %lluMB", (unsigned long long)(card->room >> 20))
				   : text_copy(fit_is_by_free() ? " --free" : "");

	return text_format("%s%s%s%s%s", *profiles ? "--profile " : "", profiles, *profiles ? " " : "",
			   model_is_spelled_out(model) ? "SOURCE" : model->id, room);
}

static int refuse(struct session *session, const struct ncm_model *model, const struct need *need,
		  const struct card *card)
{
	struct ncm_error err = NCM_ERROR_INIT;
	AUTO_FREE char *sum = gib_text(ncm_fit_sum(&need->fit.card));
	AUTO_FREE char *against = card_text(card);
	AUTO_FREE char *arguments = fit_arguments(session, model, card);

	if (need->fit.basis == NCM_FIT_UNKNOWN || card->room == 0)
		ncm_error_set(&err, NCM_E_NO_FIT, "%s: it is not known whether it fits (%s)", need->id, against);
	else
		ncm_error_set(&err, NCM_E_NO_FIT, "%s: needs %s, and may not fit: %s", need->id, sum, against);
	ncm_error_hint(&err, "`ncmodel fit %s` tells its parts; without --require-fit it is a remark alone", arguments);
	return session_fail(session, &err);
}

static int check_one(struct session *session, const struct ncm_model *model, const struct need *need,
		     const struct card *card)
{
	struct spread spread;
	const enum ncm_fit_verdict verdict = card_judge(card, need, &need->fit, &spread);
	AUTO_FREE char *sum = gib_text(ncm_fit_sum(&need->fit.card));
	AUTO_FREE char *room = gib_text(card->room);

	spread_free(&spread);
	if (fit_is_demanded() && verdict != NCM_FIT_YES)
		return refuse(session, model, need, card);
	if (verdict == NCM_FIT_NO)
		report_note(&session->report, "%s needs about %s of the card's memory (%s): it does not fit as a whole",
			    need->id, sum, room);
	return 0;
}

static bool is_to_change(const struct ncm_plan_model *model)
{
	for (size_t i = 0; i < model->file_count; i++) {
		if (model->files[i].step != NCM_STEP_KEEP)
			return true;
	}
	return false;
}

/* What is here and stays as it is has been told when it came; only a demand is of all. */
int fit_check(struct session *session, const struct ncm_plan *plan)
{
	struct ncm_error err = NCM_ERROR_INIT;
	struct ncm_registry *registry;
	struct ncm_fit_wish wish;
	struct card card;
	int code = 0;

	if (card_find(session, &card, &err) < 0)
		return session_fail(session, &err);
	registry = card.room || fit_is_demanded() ? ncm_registry_load(session->config, &err) : NULL;
	ncm_error_clear(&err);
	ncm_fit_wish_default(&wish);
	for (size_t i = 0; registry && i < plan->count; i++) {
		struct need need;
		int failed;

		if (!fit_is_demanded() && !is_to_change(&plan->models[i]))
			continue;
		need_find(session, registry, plan->models[i].model, &wish, false, &need);
		failed = check_one(session, plan->models[i].model, &need, &card);
		code = failed ? failed : code;
		need_clear(&need);
	}
	ncm_registry_free(registry);
	card_free(&card);
	return code;
}
