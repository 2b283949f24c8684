/* SPDX-License-Identifier: MIT */
#include "format/pickle_machine.h"

#include "base/mem.h"

#include <string.h>

bool pickle_broken(struct machine *machine, const char *what)
{
	return facts_fault(machine->header->facts, NCM_BROKEN, "%s", what);
}

/* Values. */

static bool add_value(struct machine *machine, const struct value *value, value_at *at)
{
	if (machine->value_count >= MOST_VALUES)
		return facts_fault(machine->header->facts, NCM_UNJUDGED, "its pickle has more than %d values",
				   MOST_VALUES);
	*NCM_PUSH(machine->values, machine->value_count) = *value;
	*at = (value_at)(machine->value_count - 1);
	return true;
}

bool pickle_push(struct machine *machine, value_at at)
{
	if (machine->stack_count >= MOST_STACK)
		return pickle_broken(machine, "its pickle's stack grows without end");
	*NCM_PUSH(machine->stack, machine->stack_count) = at;
	return true;
}

bool pickle_push_new(struct machine *machine, const struct value *value)
{
	value_at at = AT_UNKNOWN;

	return add_value(machine, value, &at) && pickle_push(machine, at);
}

bool pickle_push_unknown(struct machine *machine)
{
	return pickle_push(machine, AT_UNKNOWN);
}

bool pickle_pop(struct machine *machine, value_at *at)
{
	if (machine->stack_count == 0)
		return pickle_broken(machine, "its pickle takes more from its stack than there is");
	*at = machine->stack[--machine->stack_count];
	return true;
}

bool pickle_drop(struct machine *machine, size_t count)
{
	value_at at = AT_UNKNOWN;

	while (count-- > 0) {
		if (!pickle_pop(machine, &at))
			return false;
	}
	return true;
}

const struct value *pickle_value_of(const struct machine *machine, value_at at)
{
	return &machine->values[at];
}

/* Where the topmost mark is; false: there is none. */
bool pickle_find_mark(struct machine *machine, size_t *at)
{
	for (*at = machine->stack_count; (*at)-- > 0;) {
		if (machine->stack[*at] == AT_MARK)
			return true;
	}
	return pickle_broken(machine, "its pickle takes back to a mark that is not there");
}

/* A tuple of the topmost `count` values in their place. */
bool pickle_make_tuple(struct machine *machine, size_t count)
{
	const struct value tuple = {.kind = TUPLE, .count = (uint32_t)count, .first = (uint32_t)machine->item_count};

	if (count > machine->stack_count)
		return pickle_broken(machine, "its pickle takes more from its stack than there is");
	if (machine->item_count + count > MOST_VALUES)
		return pickle_broken(machine, "its pickle has tuples without end");
	for (size_t i = machine->stack_count - count; i < machine->stack_count; i++)
		*NCM_PUSH(machine->items, machine->item_count) = machine->stack[i];
	machine->stack_count -= count;
	return pickle_push_new(machine, &tuple);
}

static const struct value *item_of(const struct machine *machine, const struct value *tuple, size_t i)
{
	return pickle_value_of(machine, tuple->kind == TUPLE && i < tuple->count ? machine->items[tuple->first + i]
										 : AT_UNKNOWN);
}

/* Imports. */

/* `name` outlives the machine. */
static bool note_import(struct machine *machine, const char *name)
{
	struct ncm_contents *contents = machine->contents;

	if (!ncm_text_map_add(&machine->known, name, strlen(name), 0))
		return true;
	if (contents->imports.count >= MOST_IMPORTS)
		return facts_fault(machine->header->facts, NCM_UNJUDGED, "its pickle imports more than %d names",
				   MOST_IMPORTS);
	ncm_strings_add(&contents->imports, name);
	if (!pickle_is_plain_import(name))
		ncm_strings_add(&contents->unsafe_imports, name);
	return true;
}

bool pickle_keep_text(struct machine *machine, const char *text, size_t size, const char **kept)
{
	*kept = contents_text(machine->contents, text, size);
	return *kept || facts_fault(machine->header->facts, NCM_UNJUDGED, "its pickle says more than is kept here");
}

bool pickle_push_global(struct machine *machine, const char *module, const char *name)
{
	NCM_AUTO_FREE char *both = ncm_asprintf("%s %s", module, name);
	struct value global = {.kind = GLOBAL};

	return pickle_keep_text(machine, both, strlen(both), &global.text) && note_import(machine, global.text) &&
	       pickle_push_new(machine, &global);
}

/* Tensors. */

/* Names as safetensors has them. */
static const struct {
	const char *name, *dtype;
	uint8_t bytes;
} storages[] = {
    {"HalfStorage", "F16", 2},      {"FloatStorage", "F32", 4},        {"DoubleStorage", "F64", 8},
    {"BFloat16Storage", "BF16", 2}, {"CharStorage", "I8", 1},          {"ByteStorage", "U8", 1},
    {"ShortStorage", "I16", 2},     {"IntStorage", "I32", 4},          {"LongStorage", "I64", 8},
    {"BoolStorage", "BOOL", 1},     {"ComplexFloatStorage", "C64", 8}, {"ComplexDoubleStorage", "C128", 16},
};

/* ("storage", torch.HalfStorage, key, place, count): what a persistent id is. */
bool pickle_push_persistent(struct machine *machine)
{
	value_at at = AT_UNKNOWN;
	const struct value *type;
	struct value storage = {.kind = STORAGE};

	if (!pickle_pop(machine, &at))
		return false;
	type = item_of(machine, pickle_value_of(machine, at), 1);
	if (type->kind != GLOBAL || !strchr(type->text, ' '))
		return pickle_push_unknown(machine);
	storage.text = strchr(type->text, ' ') + 1;
	return pickle_push_new(machine, &storage);
}

static void set_type(struct ncm_tensor *tensor, const char *storage)
{
	tensor->dtype = "?";
	for (size_t i = 0; storage && i < sizeof storages / sizeof *storages; i++) {
		if (strcmp(storages[i].name, storage) != 0)
			continue;
		tensor->dtype = storages[i].dtype;
		if (__builtin_mul_overflow(tensor->elements, (uint64_t)storages[i].bytes, &tensor->bytes))
			tensor->bytes = 0;
	}
}

/* (storage, offset, size, stride, …) */
static bool push_tensor(struct machine *machine, const struct value *arguments)
{
	const struct value *storage = item_of(machine, arguments, 0), *size = item_of(machine, arguments, 2);
	struct ncm_tensor tensor = {.elements = 1};

	if (size->kind != TUPLE || size->count > NCM_TENSOR_DIMENSIONS)
		return pickle_push_unknown(machine);
	for (size_t i = 0; i < size->count; i++) {
		const struct value *length = item_of(machine, size, i);

		if (length->kind != NUMBER || length->number < 0)
			return pickle_push_unknown(machine);
		tensor.dimensions[i] = (uint64_t)length->number;
		if (__builtin_mul_overflow(tensor.elements, tensor.dimensions[i], &tensor.elements) ||
		    tensor.elements > INT64_MAX)
			return pickle_broken(machine, "it has a tensor larger than any can be");
	}
	tensor.dimension_count = size->count;
	set_type(&tensor, storage->kind == STORAGE ? storage->text : NULL);
	*NCM_PUSH(machine->tensors, machine->tensor_count) = tensor;
	return pickle_push_new(machine,
			       &(const struct value){.kind = TENSOR, .tensor = (uint32_t)(machine->tensor_count - 1)});
}

/* A call: of what makes tensors it is one, of all else nobody knows what comes of it. */
bool pickle_call(struct machine *machine)
{
	value_at arguments_at = AT_UNKNOWN, called_at = AT_UNKNOWN;
	const struct value *arguments, *called;
	value_at inner;

	if (!pickle_pop(machine, &arguments_at) || !pickle_pop(machine, &called_at))
		return false;
	arguments = pickle_value_of(machine, arguments_at);
	called = pickle_value_of(machine, called_at);
	if (called->kind != GLOBAL || arguments->kind != TUPLE)
		return pickle_push_unknown(machine);
	if (strncmp(called->text, "torch._utils _rebuild_tensor", 28) == 0)
		return push_tensor(machine, arguments);
	if (strncmp(called->text, "torch._utils _rebuild_parameter", 31) == 0 && arguments->count > 0) {
		inner = machine->items[arguments->first];
		return pickle_push(machine, inner);
	}
	return pickle_push_unknown(machine);
}

static void keep_tensor(struct machine *machine, const struct value *name, const struct value *value)
{
	struct ncm_tensor *kept;

	if (name->kind != TEXT || value->kind != TENSOR)
		return;
	kept = contents_tensor(machine->contents, name->text);
	if (!kept)
		return;
	*kept = machine->tensors[value->tensor];
	kept->name = name->text;
	traits_note(&machine->traits, kept->name,
		    kept->dimension_count > 0 ? kept->dimensions[kept->dimension_count - 1] : 0);
	machine->header->facts->parameter_count += kept->elements;
}

/* Pairs of keys and values above `at`. */
bool pickle_set_items(struct machine *machine, size_t at)
{
	for (size_t i = at; i + 1 < machine->stack_count; i += 2)
		keep_tensor(machine, pickle_value_of(machine, machine->stack[i]),
			    pickle_value_of(machine, machine->stack[i + 1]));
	machine->stack_count = at;
	return true;
}

bool pickle_pop_mark(struct machine *machine)
{
	size_t mark;

	if (!pickle_find_mark(machine, &mark))
		return false;
	machine->stack_count = mark;
	return true;
}

/* The memo. */

bool pickle_put_memo(struct machine *machine, uint64_t index)
{
	if (machine->stack_count == 0)
		return pickle_broken(machine, "its pickle remembers what is not there");
	if (index >= MOST_MEMO)
		return facts_fault(machine->header->facts, NCM_UNJUDGED, "its pickle remembers more than %d values",
				   MOST_MEMO);
	while (machine->memo_room <= index)
		*NCM_PUSH(machine->memo, machine->memo_room) = 0;
	machine->memo[index] = machine->stack[machine->stack_count - 1];
	machine->memo_count++;
	return true;
}

bool pickle_get_memo(struct machine *machine, uint64_t index)
{
	if (index >= machine->memo_room)
		return pickle_broken(machine, "its pickle recalls what it has not remembered");
	return pickle_push(machine, machine->memo[index]);
}
