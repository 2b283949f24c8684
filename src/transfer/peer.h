/* SPDX-License-Identifier: MIT */
/* Who is at the other end of a connection: an address of the internet, or one of this machine or network. */
#ifndef NCM_TRANSFER_PEER_H
#define NCM_TRANSFER_PEER_H

#include <stdbool.h>

/* Whether a numeric address is loopback, private, link-local or otherwise not of the public internet. Text that is no
 * address counts as private. */
bool ncm_peer_is_private(const char *address);
/* Whether libcurl will ask a proxy of the environment (http_proxy, https_proxy, all_proxy, no_proxy) for an origin. */
bool ncm_peer_is_proxied(const char *origin);
/* The variable that names that proxy, or NULL if there is none; *address (may be NULL) receives its value, which may
 * hold a password: never shown. */
const char *ncm_peer_proxy(const char *origin, const char **address);

#endif
