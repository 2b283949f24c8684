/* SPDX-License-Identifier: MIT */
/* `link --configure`: an application told where files are, in place of a copy. */
#ifndef CMD_LINK_CONFIGURE_H
#define CMD_LINK_CONFIGURE_H

#include "session.h"

/* What --configure alone is told. */
struct configure_given {
	const char *application; /* NULL: it was not asked for */
	bool undo;
};
extern struct configure_given configure_given;

extern const struct option_group options_configure;
/* `with_linking`: options were given that are for linking alone. Returns the exit code. */
int link_configure(struct session *session, bool with_linking);

#endif
