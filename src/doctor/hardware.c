/* SPDX-License-Identifier: MIT */
/* This machine beside the one that each profile's document was written for. A smaller one is no fault: `fit` says what
 * of the profile it can run. */
#include "doctor/doctor.h"

#include "base/strings.h"

#include <ncmodel/fit_rules.h>

#include <stdlib.h>

enum { PERCENT_ENOUGH = 90 }; /* firmware, systems and file systems keep some of what is sold as 32 GB */

/* The first drivers that run programs of a CUDA: release notes of the CUDA toolkit, table 2 (Linux). */
static const struct {
	unsigned cuda, driver;
} drivers[] = {{11, 450}, {12, 525}, {13, 580}};

static double gib(uint64_t bytes)
{
	return (double)bytes / (1 << 30);
}

static bool is_enough(double here, double wanted)
{
	return here * 100 >= wanted * PERCENT_ENOUGH;
}

static const struct ncm_gpu *largest(const struct ncm_gpu_list *gpus)
{
	const struct ncm_gpu *found = NULL;

	for (size_t i = 0; i < gpus->count; i++) {
		const struct ncm_gpu *gpu = &gpus->items[i];

		if (gpu->has_total && (!found || gpu->total > found->total))
			found = gpu;
	}
	return found;
}

/* What the document says of its own card, beside what such a card has. */
static void check_card_named(struct examination *exam, const struct ncm_fit_rules *rules)
{
	struct ncm_error why = NCM_ERROR_INIT;
	struct ncm_gpu_list *named = rules->gpu ? ncm_gpu_named(exam->config, rules->gpu, &why) : NULL;

	if (named && rules->card > 0 && !is_enough(gib(named->items[0].total), rules->card)) {
		doctor_find(exam, NCM_FINDING_NOTE, rules->profile,
			    "its document takes the %s for a card of %g GB; it has %.0f GB", rules->gpu, rules->card,
			    gib(named->items[0].total));
		doctor_remedy(exam,
			      "hold its models against what such a card has: `ncmodel fit --profile %s --gpu \"%s\"`",
			      rules->profile, rules->gpu);
	}
	ncm_error_clear(&why);
	ncm_gpus_free(named);
}

static void compare_card(struct examination *exam, const struct ncm_fit_rules *rules)
{
	const struct ncm_gpu *gpu = largest(exam->gpus);
	const char *name = rules->gpu ? rules->gpu : "a card";

	if (rules->card <= 0)
		return;
	if (gpu && is_enough(gib(gpu->total), rules->card) && !gpu->unified) {
		doctor_find(exam, NCM_FINDING_GOOD, rules->profile, "written for %s, %g GB; here %s, %.1f GiB", name,
			    rules->card, gpu->name, gib(gpu->total));
		return;
	}
	if (gpu)
		doctor_find(exam, NCM_FINDING_NOTE, rules->profile, "written for %s, %g GB; here %s, %.1f GiB%s", name,
			    rules->card, gpu->name, gib(gpu->total),
			    gpu->unified ? " that it shares with the machine" : "");
	else
		doctor_find(exam, exam->gpus->count ? NCM_FINDING_UNKNOWN : NCM_FINDING_NOTE, rules->profile,
			    "written for %s, %g GB; here %s", name, rules->card,
			    exam->gpus->count ? "how much the card has is not told" : "there is no graphics card");
	doctor_remedy(exam, "what fits, and the largest of a family that does: `ncmodel fit --profile %s`",
		      rules->profile);
}

static void compare_memory(struct examination *exam, const struct ncm_fit_rules *rules)
{
	const double wanted = rules->ram, here = gib(exam->gpus->memory);

	if (wanted <= 0)
		return;
	if (!exam->gpus->has_memory) {
		doctor_find(exam, NCM_FINDING_UNKNOWN, rules->profile,
			    "written for %g GB of main memory; how much is here is not told", wanted);
		doctor_remedy(exam, "the system tells: free -h");
	} else {
		doctor_find(exam, is_enough(here, wanted) ? NCM_FINDING_GOOD : NCM_FINDING_NOTE, rules->profile,
			    "written for %g GB of main memory; here %.1f GiB", wanted, here);
	}
}

/* The largest file system of a store: models may lie on several. */
static void compare_disk(struct examination *exam, const struct ncm_fit_rules *rules)
{
	const struct ncm_store_list *stores = exam->stores;
	const double wanted = rules->disk;
	uint64_t total = 0;

	for (size_t i = 0; stores && i < stores->count; i++) {
		if (stores->stores[i].has_space && stores->stores[i].total > total)
			total = stores->stores[i].total;
	}
	if (wanted <= 0)
		return;
	if (total == 0) {
		doctor_find(exam, NCM_FINDING_UNKNOWN, rules->profile,
			    "written for %g GB of disk; how large it is here is not told", wanted);
		doctor_remedy(exam, "the system tells: df -h");
	} else {
		doctor_find(exam, is_enough((double)total / 1e9, wanted) ? NCM_FINDING_GOOD : NCM_FINDING_NOTE,
			    rules->profile, "written for %g GB of disk; here %.0f GB", wanted, (double)total / 1e9);
	}
}

static unsigned driver_for(unsigned cuda)
{
	for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++) {
		if (drivers[i].cuda == cuda)
			return drivers[i].driver;
	}
	return 0;
}

static void compare_cuda(struct examination *exam, const struct ncm_fit_rules *rules)
{
	const unsigned cuda = rules->cuda, least = driver_for(cuda);
	const struct ncm_gpu *gpu = largest(exam->gpus);
	const char *driver = gpu && ncm_same_text(gpu->vendor, "nvidia") ? gpu->driver : NULL;
	const unsigned long here = driver ? strtoul(driver, NULL, 10) : 0;

	if (cuda == 0)
		return;
	if (here == 0 || least == 0) {
		doctor_find(exam, gpu ? NCM_FINDING_UNKNOWN : NCM_FINDING_NOTE, rules->profile,
			    "written for CUDA %u; %s", cuda,
			    gpu ? "whether this card's driver runs it is not told" : "no card of NVIDIA's is here");
		if (gpu)
			doctor_remedy(exam, "the card's own tool tells: nvidia-smi");
		return;
	}
	doctor_find(exam, here >= least ? NCM_FINDING_GOOD : NCM_FINDING_NOTE, rules->profile,
		    "written for CUDA %u, which takes a driver of %u or newer; here %s", cuda, least, driver);
	if (here < least)
		doctor_remedy(exam, "install a newer driver of NVIDIA's");
}

static void compare(struct examination *exam, const struct ncm_fit_rules *rules)
{
	if (rules->words && rules->card <= 0 && rules->ram <= 0 && rules->disk <= 0 && rules->cuda == 0)
		doctor_find(exam, NCM_FINDING_NOTE, rules->profile, "its document names no hardware: \"%s\"",
			    rules->words);
	check_card_named(exam, rules);
	compare_card(exam, rules);
	compare_cuda(exam, rules);
	compare_memory(exam, rules);
	compare_disk(exam, rules);
}

static void look_at_profile(struct examination *exam, const char *profile)
{
	struct ncm_error why = NCM_ERROR_INIT;
	struct ncm_fit_rules *rules = NULL;

	if (ncm_fit_rules_load(exam->config, profile, &rules, &why) < 0)
		doctor_find_error(exam, profile ? profile : "profile", &why);
	if (rules)
		compare(exam, rules);
	ncm_fit_rules_free(rules);
}

/* Files picked by hand (-f) are of no document. */
void doctor_hardware(struct examination *exam)
{
	const struct ncm_config *config = exam->config;

	if (config->manifest_file_count > 0)
		return;
	look_at_profile(exam, config->profile);
	for (size_t i = 0; i < config->more_profile_count; i++)
		look_at_profile(exam, config->more_profiles[i]);
}
