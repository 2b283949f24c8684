/* SPDX-License-Identifier: MIT */
#include "fit/fit.h"

#include "base/mem.h"
#include "base/path.h"

#include <string.h>

enum { FAULTS_MOST = 4 }; /* told of one model */

const char *ncm_fit_basis_name(enum ncm_fit_basis basis)
{
	static const char *const names[] = {
	    [NCM_FIT_UNKNOWN] = "unknown",
	    [NCM_FIT_SIZE] = "size",
	    [NCM_FIT_STATED] = "stated",
	    [NCM_FIT_HEADER] = "header",
	};

	return names[basis];
}

const char *ncm_fit_verdict_name(enum ncm_fit_verdict verdict)
{
	static const char *const names[] = {
	    [NCM_FIT_NOT_KNOWN] = "unknown",
	    [NCM_FIT_YES] = "fits",
	    [NCM_FIT_CLOSE] = "close",
	    [NCM_FIT_NO] = "too-large",
	};

	return names[verdict];
}

enum ncm_fit_verdict ncm_fit_judge(const struct ncm_fit *fit, uint64_t room)
{
	const uint64_t sum = ncm_fit_sum(&fit->card);

	if (fit->basis == NCM_FIT_UNKNOWN || room == 0)
		return NCM_FIT_NOT_KNOWN;
	if (sum > room + fit->error)
		return NCM_FIT_NO;
	if (fit->at_least)
		return NCM_FIT_NOT_KNOWN;
	return sum + fit->error <= room ? NCM_FIT_YES : NCM_FIT_CLOSE;
}

void ncm_fit_wish_default(struct ncm_fit_wish *wish)
{
	*wish = (struct ncm_fit_wish){
	    .context = 8192,
	    .sequences = 1,
	    .batch = 512,
	    .kv_type = "f16",
	    .flash = true,
	    .layers = NCM_FIT_ALL_LAYERS,
	};
}

uint64_t ncm_fit_sum(const struct ncm_fit_parts *parts)
{
	return parts->weights + parts->kv + parts->state + parts->compute + parts->output + parts->projector +
	       parts->driver;
}

static void add_parts(struct ncm_fit_parts *sum, const struct ncm_fit_parts *other)
{
	sum->weights += other->weights;
	sum->kv += other->kv;
	sum->state += other->state;
	sum->compute += other->compute;
	sum->output += other->output;
	sum->projector += other->projector;
	sum->driver += other->driver;
}

void ncm_fit_add(struct ncm_fit *sum, const struct ncm_fit *other)
{
	add_parts(&sum->card, &other->card);
	add_parts(&sum->host, &other->host);
	sum->error += other->error;
	sum->at_least |= other->at_least || other->basis == NCM_FIT_UNKNOWN;
}

void ncm_fit_clear(struct ncm_fit *fit)
{
	ncm_strings_free(&fit->remarks);
	*fit = (struct ncm_fit){0};
}

static bool is_pipeline_model(const struct ncm_inspection *model)
{
	return model->layer_count == 0 || model->embedding_length == 0;
}

/* Of what runs by other programs: weights are known, and what they need beside them is not. */
static void count_weights_alone(const struct ncm_inspection *model, const struct ncm_fit_wish *wish,
				struct ncm_fit *fit)
{
	struct ncm_fit_parts *place = wish->layers > 0 ? &fit->card : &fit->host;

	place->weights = model->weight_bytes;
	if (fit_is_addition(model)) {
		ncm_strings_add(&fit->remarks, "it adds so much to what its model takes");
		return;
	}
	place->compute = model->weight_bytes / 10;
	if (wish->layers > 0)
		place->driver = (uint64_t)FIT_DRIVER_MIB * FIT_MIB;
	fit->error = model->weight_bytes / 5 + (uint64_t)FIT_DRIVER_ERROR_MIB * FIT_MIB;
	ncm_strings_add(&fit->remarks, "its header tells no layers: beside the weights a tenth of them is allowed for");
}

static void count_language_model(const struct ncm_inspection *model, const struct ncm_inspection *projector,
				 const struct ncm_fit_wish *wish, struct ncm_fit *fit)
{
	struct fit_shape shape;

	fit->context = fit_is_encoder(model) ? model->context_length : wish->context;
	fit->layers = (unsigned)model->layer_count + 1;
	fit->layers_on_card = wish->layers < fit->layers ? wish->layers : fit->layers;
	fit_shape_read(model, wish, &shape, &fit->remarks);
	fit_add_weights(model, wish, fit);
	fit_add_kv(&shape, wish, fit);
	fit_add_buffers(model, &shape, wish, fit);
	fit_add_projector(model, projector, wish, fit);
	fit_shape_clear(&shape);
}

/* No more than the model was made for. */
static struct ncm_fit_wish within(const struct ncm_inspection *model, const struct ncm_fit_wish *wish)
{
	struct ncm_fit_wish own = *wish;

	if (model->context_length > 0 && own.context > model->context_length)
		own.context = model->context_length;
	return own;
}

/* What the reader found wrong with its files: so it is not known to run at all. */
static void add_faults(const struct ncm_inspection *model, struct ncm_fit *fit)
{
	for (size_t i = 0, told = 0; i < model->file_count && told < FAULTS_MOST; i++) {
		const struct ncm_inspected_file *file = &model->files[i];
		NCM_AUTO_FREE char *why = NULL;

		if (file->state == NCM_INSPECTED_SOUND || file->state == NCM_INSPECTED_UNJUDGED)
			continue;
		why = ncm_asprintf("%s is %s%s%s", ncm_path_base(file->name), ncm_inspected_state_name(file->state),
				   file->fault ? ": " : "", file->fault ? file->fault : "");
		ncm_strings_add(&fit->remarks, why);
		fit->at_least = true;
		told++;
	}
}

/* What lies in other files than the model's own. */
struct beside {
	const struct ncm_inspection *projector;
	const struct ncm_inspection *const *files;
	size_t count;
};

static void add_doubts(const struct ncm_inspection *model, struct ncm_fit *fit)
{
	if (fit->basis != NCM_FIT_UNKNOWN && !model->weights_are_whole) {
		fit->at_least = true;
		ncm_strings_add(&fit->remarks, "not every part of it could be read: there are more weights than these");
	}
	add_faults(model, fit);
}

static bool has_size(const struct beside *beside)
{
	for (size_t i = 0; i < beside->count; i++) {
		if (beside->files[i]->weight_bytes > FIT_WEIGHTS_MOST)
			return false;
	}
	return true;
}

static void count(const struct ncm_inspection *model, const struct beside *beside, const struct ncm_fit_wish *wish,
		  struct ncm_fit *fit)
{
	const struct ncm_fit_wish own = within(model, wish);

	*fit = (struct ncm_fit){.basis = NCM_FIT_HEADER};
	if (model->weight_bytes == 0) {
		fit->basis = NCM_FIT_UNKNOWN;
		ncm_strings_add(&fit->remarks, "its header tells no tensors");
	} else if (!fit_is_sane(model, beside->projector, &own) || !has_size(beside)) {
		fit->basis = NCM_FIT_UNKNOWN;
		ncm_strings_add(&fit->remarks, "its header tells numbers that no model has");
	} else if (fit_is_diffusion(model)) {
		fit_count_diffusion(model, beside->files, beside->count, wish, fit);
	} else if (is_pipeline_model(model)) {
		count_weights_alone(model, wish, fit);
	} else {
		count_language_model(model, beside->projector, &own, fit);
	}
	add_doubts(model, fit);
	for (size_t i = 0; i < beside->count; i++)
		add_doubts(beside->files[i], fit);
	if (own.context < wish->context)
		ncm_strings_add(&fit->remarks, "it was made for a shorter context: counted for its own");
}

void ncm_fit_count(const struct ncm_inspection *model, const struct ncm_inspection *projector,
		   const struct ncm_fit_wish *wish, struct ncm_fit *fit)
{
	count(model, &(struct beside){.projector = projector}, wish, fit);
}

void ncm_fit_count_picture(const struct ncm_inspection *model, const struct ncm_inspection *const *files,
			   size_t file_count, const struct ncm_fit_wish *wish, struct ncm_fit *fit)
{
	count(model, &(struct beside){.files = files, .count = fit_is_diffusion(model) ? file_count : 0}, wish, fit);
}

bool ncm_fit_is_picture(const struct ncm_inspection *model)
{
	return fit_is_diffusion(model);
}

void ncm_fit_guess(uint64_t size, double stated, struct ncm_fit *fit)
{
	const uint64_t half = (uint64_t)512 * FIT_MIB;

	*fit = (struct ncm_fit){.basis = NCM_FIT_UNKNOWN};
	if (stated > 0) {
		fit->basis = NCM_FIT_STATED;
		fit->card.weights = (uint64_t)(stated * 1024) * FIT_MIB;
		/* documents round to halves: "12 GB" is no promise of a card of 12 */
		fit->error = fit->card.weights / 4 < half ? fit->card.weights / 4 : half;
		ncm_strings_add(&fit->remarks, "the figure of the manifest's document: its parts, and for which "
					       "context it is, are not told");
	} else if (size > 0) {
		fit->basis = NCM_FIT_SIZE;
		fit->card.weights = size;
		fit->card.compute = size / 10;
		fit->card.driver = half;
		fit->error = size * 3 / 10 + half;
		ncm_strings_add(&fit->remarks, "guessed from the size of its files, without its header");
	}
}
