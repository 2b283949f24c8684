/* SPDX-License-Identifier: MIT */
#include "cut_off.h"

bool cut_off_takes(struct cut_off *cut_off, const struct ncm_error *err, const char *model)
{
	if (!cut_off->how || err->code != NCM_E_NETWORK)
		return false;
	if (cut_off->models++ > 0) {
		report_silently(cut_off->report, err->code, err->message, model);
		return true;
	}
	cut_off->first = err;
	cut_off->first_model = model;
	return true;
}

int cut_off_tell(const struct cut_off *cut_off)
{
	struct ncm_error err = NCM_ERROR_INIT;

	if (cut_off->models == 0)
		return 0;
	if (cut_off->models == 1)
		return report_error(cut_off->report, cut_off->first, cut_off->first_model);
	report_silently(cut_off->report, cut_off->first->code, cut_off->first->message, cut_off->first_model);
	ncm_error_set(&err, NCM_E_NETWORK, "no network: %zu models cannot be fetched, no server could be reached (%s)",
		      cut_off->models, cut_off->how);
	ncm_error_hint(&err, "check the connection, name resolution, and the proxy if there is one (https_proxy); then "
			     "run the same command again");
	report_tell(cut_off->report, &err, NULL);
	ncm_error_clear(&err);
	return report_exit_code(NCM_E_NETWORK);
}
