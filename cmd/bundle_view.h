/* SPDX-License-Identifier: MIT */
#ifndef CMD_BUNDLE_VIEW_H
#define CMD_BUNDLE_VIEW_H

#include "session.h"

#include <ncmodel/bundle.h>

/* The data of --json; new. */
json_t *bundle_json(const struct ncm_bundle *bundle);
/* What came of a create, and of a verify, whose exit code it returns. */
void bundle_tell_created(const struct session *session, const struct ncm_bundle *bundle);
int bundle_tell_checked(struct session *session, const struct ncm_bundle *bundle);
/* What of volumes was not unpacked, and why. */
void bundle_warn_of_bad(const struct session *session, const struct ncm_bundle *bundle);

#endif
