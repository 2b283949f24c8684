/* SPDX-License-Identifier: MIT */
/* Notes in staging of what is about to get its final name (provision/intent.c). */
#ifndef NCM_STORE_INTENT_H
#define NCM_STORE_INTENT_H

/* The note's name for a path below the store: "placing-" and hex digits. The caller frees it. */
char *ncm_store_intent_name(const char *relative);

#endif
