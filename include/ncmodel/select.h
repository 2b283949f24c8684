/* SPDX-License-Identifier: MIT */
/*
 * Which model to take for a task, by rules that others wrote: the loading plan's, the Model Selector's published
 * scoring, and what a profile's document recommends. docs/selection.md has them in words.
 */
#ifndef NCMODEL_SELECT_H
#define NCMODEL_SELECT_H

#include <ncmodel/registry.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* What a model must be or have. Append only. */
enum ncm_demand {
	NCM_DEMAND_USE_CASE,  /* "--usecase" */
	NCM_DEMAND_PRIVACY,   /* "--privacy-tier" */
	NCM_DEMAND_QUALITY,   /* "--min-quality" */
	NCM_DEMAND_LATENCY,   /* "--max-latency-ms" */
	NCM_DEMAND_COST,      /* "--max-cost" */
	NCM_DEMAND_VRAM,      /* "--vram" */
	NCM_DEMAND_CONTEXT,   /* "--context" */
	NCM_DEMAND_INSTALLED, /* "--installed" */
	NCM_DEMANDS,
};
/* As above. Static. */
const char *ncm_demand_option(enum ncm_demand demand);

struct ncm_task {
	const char *use_case;     /* or a tag; NULL: whatever it is for */
	const char *privacy_tier; /* "Public" … "Restricted"; NULL: any */
	double min_quality;       /* 0..1; negative: any */
	uint64_t max_latency_ms;  /* 0: any */
	double max_cost;          /* 0..1, compared with cost_score, as the Selector does; negative: any */
	double vram_gb;           /* GB that the card has; 0: any */
	uint64_t context;         /* tokens; 0: any */
	bool installed;           /* models that are installed alone */
};

/*
 * One model with what is known of it: by its manifest, else by models.json. A candidate has borrowed everything from
 * the catalog and the registry that it was made of. The part below is filled by ncm_choose and ncm_choose_as_selector.
 */
struct ncm_candidate {
	const char *id;
	const struct ncm_model *model;          /* NULL: no manifest that was read has it */
	const struct ncm_reg_model *registered; /* NULL: it is not installed */
	const struct ncm_strings *use_cases, *tags;
	double quality;               /* performance_score; negative: unknown */
	double cost;                  /* cost_score; negative: unknown */
	const char *privacy_tier;     /* "Internal" where nobody says anything, as models.json has it */
	uint64_t latency_ms;          /* 0: unknown */
	double vram_least, vram_most; /* GB; 0: unknown, as the most is of "10 or more" */
	bool vram_counted;            /* by its header, for the context asked for, and not what somebody stated; the
				       * caller's to set (ncm_candidate_counted) */
	uint64_t context;             /* tokens; 0: unknown */
	uint64_t size;                /* bytes; 0: unknown */
	bool size_expected;           /* it is what the manifest expects, and no more */

	unsigned failed;  /* 1 << enum ncm_demand: what it is known not to meet */
	unsigned unknown; /* 1 << enum ncm_demand: what nobody knows whether it meets */
	int stars; /* of the ability that the task's use case is rated by; negative: not rated, or there is none */
	struct ncm_score {
		double use_case, quality, cost; /* the parts of the sum */
		bool too_dear, too_weak;        /* the sum was multiplied by 0.5; by 0.7 */
		double total;
	} score;      /* of ncm_choose_as_selector */
	size_t place; /* among the candidates as they were made, or in the rule's list */
};

/*
 * All models of the catalog (which may be NULL), in its order, then those that are installed and in none of its
 * manifests. An id that several profiles have is there once, as the named profile has it (that of a rule: it means its
 * own models), else (and with NULL) as the first has it. The caller frees the array; catalog and registry must outlive
 * it.
 */
struct ncm_candidate *ncm_candidates(const struct ncm_catalog *catalog, const struct ncm_registry *registry,
				     const char *profile, size_t *count);

/* Moves the models that a rule of the catalog names to the front, in its order. Returns how many there are: of
 * manifests picked by hand some may be missing. */
size_t ncm_candidates_of_rule(const struct ncm_rule *rule, struct ncm_candidate *candidates, size_t count);

/* Takes what was counted of a model (fit.h) for what somebody stated of its VRAM. Whoever compares it counts a GB as
 * makers of cards do: 1024 MiB. */
void ncm_candidate_counted(struct ncm_candidate *candidate, uint64_t bytes, uint64_t error);

/* The ability by which the loading plan's matrix rates a use case, in *star. False: it has none for it. */
bool ncm_star_of_use_case(const char *use_case, enum ncm_star *star);

/*
 * The loading plan's rule. What is known not to meet a demand is out; what is known to meet all comes before what may
 * or may not; then more stars for the use case, more quality, more stars for speed, less size, the order of the
 * manifests; what is not known comes after what is. With a rule of a profile (may be NULL) the candidates must be those
 * of ncm_candidates_of_rule, and its order is the rank.
 *
 * Sorts the candidates, and puts how many are not out in *fitting (they come first). Error: NO_FIT if none is, with the
 * demand that left out most.
 */
int ncm_choose(const struct ncm_task *task, const struct ncm_rule *rule, struct ncm_candidate *candidates, size_t count,
	       size_t *fitting, struct ncm_error *err);

/*
 * The Model Selector's published scoring. It sees what is installed, by the numbers of models.json; of the demands it
 * knows use case (of its own words) and privacy, and, as penalties, quality and cost. As ncm_choose. Error, too: USAGE
 * for a task without a use case that it knows.
 */
int ncm_choose_as_selector(const struct ncm_task *task, struct ncm_candidate *candidates, size_t count, size_t *fitting,
			   struct ncm_error *err);
/* What a task demands: 1 << enum ncm_demand. */
unsigned ncm_task_demands(const struct ncm_task *task);
/* The demands of a task that the Selector's scoring does not look at: 1 << enum ncm_demand. */
unsigned ncm_selector_ignores(const struct ncm_task *task);

enum ncm_purpose { NCM_PURPOSE_ROLE, NCM_PURPOSE_TASK, NCM_PURPOSE_PIPELINE, NCM_PURPOSE_AGENTS };
/*
 * The catalog's rule for a purpose: `word` is a role, task or pipeline, compared by letters and digits alone, in any
 * case; `agents` how many work at once. Error: USAGE if there is none, with those that there are, in these profiles or
 * in others. The rule is the catalog's.
 */
const struct ncm_rule *ncm_rule_for(const struct ncm_config *config, const struct ncm_catalog *catalog,
				    enum ncm_purpose purpose, const char *word, unsigned agents, struct ncm_error *err);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
