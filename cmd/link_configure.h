/* SPDX-License-Identifier: MIT */
/* `link --configure`: an application told where files are, in place of a copy. */
#ifndef CMD_LINK_CONFIGURE_H
#define CMD_LINK_CONFIGURE_H

#include "ui/session.h"

extern const struct option_group options_configure;
/* Returns the exit code. */
int link_configure(struct session *session);

#endif
