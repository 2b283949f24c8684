/* SPDX-License-Identifier: MIT */
/* Manifests: what the user wants, as data. The format is manifests/schema/manifest.schema.json. */
#ifndef NCMODEL_MANIFEST_H
#define NCMODEL_MANIFEST_H

#include <ncmodel/config.h>
#include <ncmodel/digest.h>
#include <ncmodel/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/*
 * A list of strings. It grows by ncm_strings_add alone. Who makes one of his own items (from malloc, if the list is to
 * be added to or freed) leaves `room` 0, and the items are moved before the list grows.
 */
struct ncm_strings {
	char **items;
	size_t count;
	size_t room; /* items that there is memory for, as far as ncm_strings_add knows */
};

/* Where a file goes: a store, one of its named folders (or NULL: the store's root), a name below that (or NULL: the
 * source's). */
struct ncm_target {
	char *store;
	char *folder;
	char *name;
	/* Of a source spelled out: the folder follows from what the file is, which its source or its header says; and
	 * so does the store, unless the user gave it. Until that is known, `store` is the likeliest. */
	bool by_kind, any_store;
};

/* One layer of an Ollama model as the manifest pins it. */
struct ncm_layer_pin {
	struct ncm_sha256 digest;
	uint64_t size;
	char *type; /* "model", "template", "config" … */
};

/* One file to have, or one Ollama model, or the files of one repository. */
struct ncm_file_spec {
	struct ncm_strings from; /* places of the same bytes, in order */
	struct ncm_target *to;
	size_t to_count;
	bool has_size;
	uint64_t size;
	uint64_t expected_size;     /* of all that it brings, where nothing exact is stated; 0: not even that */
	char *expected_size_source; /* where that figure is from; NULL without it */
	bool has_sha256;
	struct ncm_sha256 sha256;
	bool has_digest; /* of an Ollama manifest */
	struct ncm_sha256 digest;
	struct ncm_layer_pin *layers;
	size_t layer_count;
	struct ncm_strings include;
	struct ncm_strings exclude;
	char *role; /* never NULL */
	bool extract;
	unsigned strip;
	bool allow_pickle;
	bool insecure_http;
};

/* How far a sum of sizes is to be believed. */
struct ncm_doubt {
	uint64_t expected; /* so many bytes of it are not known: a manifest expects them */
	size_t unknown;    /* files whose size nobody tells: they are not in it */
};
/* Adds one to the other. */
void ncm_doubt_add(struct ncm_doubt *sum, const struct ncm_doubt *doubt);
/* What a manifest itself says of the size of such files, in bytes: exact sizes, those of layers, else expected ones.
 * What is not known of it is added to *doubt. */
uint64_t ncm_size_stated(const struct ncm_file_spec *files, size_t count, struct ncm_doubt *doubt);

/* Other bytes of the same model: taken only when chosen. */
struct ncm_variant {
	char *name;
	char *description;
	char *quantization;
	char *format;
	struct ncm_file_spec *files;
	size_t file_count;
};

/* What a document rates a model by. */
enum ncm_star { NCM_STAR_CODE, NCM_STAR_REASONING, NCM_STAR_VISION, NCM_STAR_AGENTS, NCM_STAR_SPEED, NCM_STARS };
enum { NCM_STARS_MOST = 5 };
/* "code" …; static. */
const char *ncm_star_name(enum ncm_star star);

struct ncm_model {
	char *id;
	char *name;
	struct ncm_strings aliases;
	char *kind;
	char *description;
	char *purpose; /* what the profile's document has it for, in its own words; NULL: it does not say */
	char *architecture;
	char *parameters;
	char *quantization;
	char *format;
	uint64_t context_length;                        /* tokens; 0: unknown */
	uint64_t dimensions;                            /* of an embedding; 0: none or unknown */
	double vram_min, vram_max;                      /* GB as the source document gives it; 0: unknown */
	bool vram_at_least;                             /* that much or more ("10GB+"): vram_max is vram_min then */
	char *speed, *accuracy, *resolution, *duration; /* as the document words them; or NULL */
	char *license;
	char *license_class;  /* read with ncm_model_license_class; or NULL */
	char *license_source; /* where that is from; or NULL */
	char *license_url;
	bool gated;
	char *gate_url;
	struct ncm_strings use_cases;
	struct ncm_strings tags;
	struct ncm_strings capabilities;
	double performance_score;                           /* 0..1, negative: unknown */
	double cost_score;                                  /* 0..1, negative: unknown */
	char *performance_score_source, *cost_score_source; /* whose it is; NULL: the profile's document gives it */
	char *privacy_tier;                                 /* NULL: unknown */
	unsigned stars[NCM_STARS]; /* 0..NCM_STARS_MOST, by enum ncm_star: read with ncm_model_stars */
	bool rated[NCM_STARS];
	uint64_t latency_ms; /* to an answer, as somebody measured it; 0: unknown */
	struct ncm_strings requires_ids;
	struct ncm_strings notes;
	struct ncm_file_spec *files;
	size_t file_count;
	struct ncm_variant *variants;
	size_t variant_count;
	/* from the manifest that holds it */
	char *profile;
	unsigned phase;       /* 1..3; 0: a source spelled out, with no manifest */
	const char *priority; /* "high", "medium", "low", or NULL when phase is 0; static */
	/* from the selection */
	const struct ncm_variant *chosen; /* NULL: the model's own files */
	bool required_only;               /* selected only because another one requires it */
};

/* What the licence allows: "free", "free-with-conditions", "non-commercial", "non-production", "gated" (whoever wants
 * it has to be let in, and nobody says more) or "unknown". Static, or the model's. */
const char *ncm_model_license_class(const struct ncm_model *model);

/* What a profile's document recommends for one purpose: exactly one of role, task, pipeline and a number of agents. */
struct ncm_rule {
	char *profile;
	char *role, *task, *pipeline;    /* as the document calls it; or NULL */
	unsigned agents_min, agents_max; /* at work at once; 0: it is of another purpose */
	struct ncm_strings models;       /* ids, the first choice first; none: it is the cloud's */
	char *cloud;                     /* the model of the cloud that the document gives it to; or NULL */
	char *saving;                    /* what a local model saves, in the document's words; or NULL */
	char *fallback, *fallback_words; /* the cloud's model where nothing local answers, as it says it; or NULL */
	char *words;                     /* the document's own */
	char *document;                  /* its title */
};

/* The stars that a document gives the model; negative: none. */
int ncm_model_stars(const struct ncm_model *model, enum ncm_star star);

/* What a profile's document says of its models at run time. */
struct ncm_residence {
	char *profile;
	struct ncm_strings preload; /* ids of models that are to be loaded from the start */
	uint64_t idle_seconds;      /* without use, then a model is unloaded; 0: it says nothing of that */
};

/* All models that a run knows, in manifest order: those of one profile, or of several, which may have ids in common. */
struct ncm_catalog {
	struct ncm_model *models;
	size_t count;
	struct ncm_rule *rules; /* in the order of the files */
	size_t rule_count;
	struct ncm_residence *residences; /* in the order of the files that say something of that */
	size_t residence_count;
	struct ncm_catalog_index *index; /* the library's own; NULL at first */
};

/*
 * Reads profiles: the configuration's -f files if there are any, else for each of its profiles every phase-*.json of
 * the first folder <manifest dir>/<profile> that exists (the user's folders, then the shipped one). An id is a model's
 * own within its profile; what a model requires is looked for there first. All faults of all files are found in one go;
 * *err carries them, one a line, as "FILE:LINE: JSON-PATH: reason". Free with ncm_catalog_free.
 */
struct ncm_catalog *ncm_catalog_load(const struct ncm_config *config, struct ncm_error *err);
void ncm_catalog_free(struct ncm_catalog *catalog);
/* Checks one manifest file by the schema, the rules beyond it, and the stores and folders of the configured layout.
 * Returns 0, or -1 with all faults in *err, in the order of the file. */
int ncm_manifest_check(const struct ncm_config *config, const char *file, struct ncm_error *err);
/* The names of the profiles that can be had. Free the result with ncm_strings_free. */
int ncm_profiles(const struct ncm_config *config, struct ncm_strings *names, struct ncm_error *err);
/* Appends a copy. */
void ncm_strings_add(struct ncm_strings *strings, const char *text);
void ncm_strings_free(struct ncm_strings *strings); /* the list is empty afterwards */
bool ncm_strings_contain(const struct ncm_strings *strings, const char *word);
/* Whether one of them is the word but for case, spaces, '-' and '_': "QuickChat" is meant by "quick chat". */
bool ncm_strings_mean(const struct ncm_strings *strings, const char *word);

/* What the user chose. Empty fields choose everything; several kinds must all hold; words of one kind are alternatives.
 */
struct ncm_selector {
	struct ncm_strings names;    /* ids, display names, aliases, or sources spelled out */
	unsigned phases;             /* bit N: phase N */
	struct ncm_strings profiles; /* of installed models; what a catalog has was chosen when it was loaded */
	struct ncm_strings priorities;
	struct ncm_strings use_cases; /* use cases, or tags spelled as one */
	struct ncm_strings tags;
	struct ncm_strings licenses; /* licences, or what they allow, as ncm_model_license_class words it */
	struct ncm_strings
	    sources; /* schemes: ollama hf civitai oci comfy https; or what ncm_selector_knows_source takes */
	struct ncm_strings stores;
	const char *variant; /* --variant; NULL: each model's own files */
	const char
	    *to; /* --to "STORE[/FOLDER[/NAME]]" or "STORE//NAME" of sources spelled out; NULL: by what they are */
	struct ncm_strings include; /* --include and --exclude: globs that choose among the files of a repository */
	struct ncm_strings exclude; /* that is spelled out; empty: all of them; none of them */
};

/* Whether a word of `sources` names a source: its scheme, or another word for it ("huggingface", "docker"), in any
 * case. */
bool ncm_selector_knows_source(const char *word);

/*
 * The models of the catalog that the selector chooses, then what they require. Sources spelled out are added to the
 * catalog as models of their own (so pointers into catalog->models from before are void). *chosen receives an array of
 * pointers into the catalog, to be freed by the caller. Errors: USAGE for a name or phase that chooses nothing (with
 * the nearest names as hint) and for a variant that no chosen model has.
 */
int ncm_select(struct ncm_catalog *catalog, const struct ncm_selector *selector, struct ncm_model ***chosen,
	       size_t *count, struct ncm_error *err);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
