/* SPDX-License-Identifier: MIT */
/* What a page tells of a model (struct ncm_card), as a value with strings of its own. */
#ifndef NCM_SOURCE_CARD_H
#define NCM_SOURCE_CARD_H

#include <ncmodel/registry.h>

/* Replaces *to, which is empty. */
void card_copy(struct ncm_card *to, const struct ncm_card *from);
/* Takes from another what this one does not know. */
void card_fill(struct ncm_card *card, const struct ncm_card *from);
void card_clear(struct ncm_card *card);
/* Adds a trigger word, without the spaces around it, unless it is empty or there; bounded in number and length. */
void card_add_word(struct ncm_card *card, const char *word, size_t size);
/* Takes a text if nobody told one yet; it is cut at a length that a person would still read. */
void card_say(char **text, const char *value);

#endif
