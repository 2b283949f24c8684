/* SPDX-License-Identifier: MIT */
/*
 * A pickle's opcodes read, never executed (CPython's Lib/pickletools.py has them all): a stack of values that are
 * known only as far as tensors and imports need it. What torch.save writes are dictionaries whose values are calls of
 * torch._utils._rebuild_tensor_v2. Every opcode costs its bytes, every value a slot, and both are bounded.
 */
#include "format/pickle_machine.h"

#include "base/mem.h"

#include <ncmodel/limits.h>
#include <string.h>

/* Arguments of opcodes. */

static bool take_number(struct machine *machine, size_t width, uint64_t *number)
{
	unsigned char bytes[8];

	if (!header_take(machine->header, bytes, width))
		return false;
	*number = 0;
	while (width-- > 0)
		*number = *number << 8 | bytes[width];
	return true;
}

/* Up to a line break, which is passed. */
static bool take_line(struct machine *machine, char line[MOST_LINE])
{
	for (size_t i = 0; i < MOST_LINE; i++) {
		if (!header_take(machine->header, line + i, 1))
			return false;
		if (line[i] == '\n') {
			line[i] = '\0';
			return true;
		}
	}
	return facts_fault(machine->header->facts, NCM_UNJUDGED, "its pickle has a text of more than %d bytes",
			   MOST_LINE);
}

/* Of a text as much as names need. */
static bool push_text(struct machine *machine, uint64_t length)
{
	char text[MOST_LINE];
	const size_t kept = length < sizeof text ? (size_t)length : sizeof text;
	struct value value = {.kind = TEXT};

	return header_take(machine->header, text, kept) && header_skip(machine->header, length - kept) &&
	       pickle_keep_text(machine, text, kept, &value.text) && pickle_push_new(machine, &value);
}

static bool push_number(struct machine *machine, int64_t number)
{
	return pickle_push_new(machine, &(const struct value){.kind = NUMBER, .number = number});
}

static bool skip_then_unknown(struct machine *machine, uint64_t length)
{
	return header_skip(machine->header, length) && pickle_push_unknown(machine);
}

static bool take_long(struct machine *machine, uint64_t length)
{
	uint64_t number;

	if (length == 0)
		return push_number(machine, 0);
	if (length > 8)
		return skip_then_unknown(machine, length);
	if (!take_number(machine, (size_t)length, &number))
		return false;
	if (length < 8 && number >> (length * 8 - 1))
		number |= UINT64_MAX << (length * 8);
	return push_number(machine, (int64_t)number);
}

/* Opcodes. */

static bool take_global(struct machine *machine, bool is_instance)
{
	char module[MOST_LINE], name[MOST_LINE];

	if (!take_line(machine, module) || !take_line(machine, name) || (is_instance && !pickle_pop_mark(machine)))
		return false;
	return pickle_push_global(machine, module, name);
}

static bool take_stack_global(struct machine *machine)
{
	value_at name = AT_UNKNOWN, module = AT_UNKNOWN;
	const struct value *first, *second;

	if (!pickle_pop(machine, &name) || !pickle_pop(machine, &module))
		return false;
	first = pickle_value_of(machine, module);
	second = pickle_value_of(machine, name);
	if (first->kind == TEXT && second->kind == TEXT)
		return pickle_push_global(machine, first->text, second->text);
	return pickle_push_global(machine, "?", "?"); /* made by what would have to be run */
}

static bool take_memo_line(struct machine *machine, bool put)
{
	char line[MOST_LINE];
	uint64_t index;

	if (!take_line(machine, line))
		return false;
	index = strtoull(line, NULL, 10);
	return put ? pickle_put_memo(machine, index) : pickle_get_memo(machine, index);
}

static bool take_int_line(struct machine *machine)
{
	char line[MOST_LINE];

	return take_line(machine, line) && push_number(machine, strtoll(line, NULL, 10));
}

static bool take_text_line(struct machine *machine)
{
	char line[MOST_LINE];
	struct value value = {.kind = TEXT};

	return take_line(machine, line) && pickle_keep_text(machine, line, strlen(line), &value.text) &&
	       pickle_push_new(machine, &value);
}

static bool take_counted(struct machine *machine, size_t width, bool is_text)
{
	uint64_t length;

	if (!take_number(machine, width, &length))
		return false;
	return is_text ? push_text(machine, length) : skip_then_unknown(machine, length);
}

static bool take_whole(struct machine *machine, size_t width)
{
	uint64_t number;

	return take_number(machine, width, &number) &&
	       push_number(machine, width == 4 ? (int64_t)(int32_t)(uint32_t)number : (int64_t)number);
}

static bool take_long_of(struct machine *machine, size_t width)
{
	uint64_t length;

	return take_number(machine, width, &length) && take_long(machine, length);
}

static bool take_extension(struct machine *machine, size_t width)
{
	uint64_t code;

	/* Of a registry that only the program has. */
	return take_number(machine, width, &code) && pickle_push_global(machine, "copyreg", "extension");
}

static bool take_memo(struct machine *machine, size_t width, bool put)
{
	uint64_t index;

	if (!take_number(machine, width, &index))
		return false;
	return put ? pickle_put_memo(machine, index) : pickle_get_memo(machine, index);
}

static bool take_dup(struct machine *machine)
{
	if (machine->stack_count == 0)
		return pickle_broken(machine, "its pickle takes more from its stack than there is");
	return pickle_push(machine, machine->stack[machine->stack_count - 1]);
}

static bool take_protocol(struct machine *machine)
{
	uint64_t protocol;

	if (!take_number(machine, 1, &protocol))
		return false;
	if (protocol > 5)
		return facts_fault(machine->header->facts, NCM_UNJUDGED,
				   "it is of pickle protocol %u, newer than what is "
				   "known here",
				   (unsigned)protocol);
	machine->protocol = (unsigned)protocol;
	return true;
}

/* Above the mark, in the place of the mark. */
static bool tuple_of_mark(struct machine *machine)
{
	const size_t before = machine->stack_count;
	size_t mark;
	value_at tuple = AT_UNKNOWN;

	if (!pickle_find_mark(machine, &mark) || !pickle_make_tuple(machine, before - mark - 1) ||
	    !pickle_pop(machine, &tuple))
		return false;
	machine->stack_count = mark;
	return pickle_push(machine, tuple);
}

static bool take_set_item(struct machine *machine)
{
	if (machine->stack_count < 3)
		return pickle_broken(machine, "its pickle takes more from its stack than there is");
	return pickle_set_items(machine, machine->stack_count - 2);
}

static bool take_set_items(struct machine *machine, bool makes)
{
	size_t mark;

	if (!pickle_find_mark(machine, &mark) || !pickle_set_items(machine, mark + 1))
		return false;
	machine->stack_count = mark;
	return !makes || pickle_push_unknown(machine);
}

static bool mark_then_unknown(struct machine *machine)
{
	return pickle_pop_mark(machine) && pickle_push_unknown(machine);
}

static bool drop_then_unknown(struct machine *machine, size_t count)
{
	return pickle_drop(machine, count) && pickle_push_unknown(machine);
}

static bool skip_line_then_unknown(struct machine *machine)
{
	char line[MOST_LINE];

	return take_line(machine, line) && pickle_push_unknown(machine);
}

static bool take_frame(struct machine *machine)
{
	uint64_t length;

	return take_number(machine, 8, &length);
}

static bool take_stop(struct machine *machine)
{
	machine->stopped = true;
	return pickle_drop(machine, 1);
}

/* clang-format off */
static bool take_opcode(struct machine *machine, unsigned char opcode)
{
	switch (opcode) {
	case 0x80: return take_protocol(machine);
	case 0x95: return take_frame(machine);
	case '.': return take_stop(machine);
	case '(': return pickle_push(machine, AT_MARK);
	case '0': return pickle_drop(machine, 1);
	case '1': return pickle_pop_mark(machine);
	case '2': return take_dup(machine);
	case 'N': case 0x88: case 0x89: case ']': case '}': case 0x8f: return pickle_push_unknown(machine);
	case ')': return pickle_make_tuple(machine, 0);
	case 0x85: return pickle_make_tuple(machine, 1);
	case 0x86: return pickle_make_tuple(machine, 2);
	case 0x87: return pickle_make_tuple(machine, 3);
	case 't': return tuple_of_mark(machine);
	case 'l': case 0x91: return mark_then_unknown(machine);
	case 'd': return take_set_items(machine, true);
	case 's': return take_set_item(machine);
	case 'u': return take_set_items(machine, false);
	case 'a': return pickle_drop(machine, 1);
	case 'e': case 0x90: return pickle_pop_mark(machine);
	case 'I': return take_int_line(machine);
	case 'L': case 'F': return skip_line_then_unknown(machine);
	case 'J': return take_whole(machine, 4);
	case 'K': return take_whole(machine, 1);
	case 'M': return take_whole(machine, 2);
	case 'G': return skip_then_unknown(machine, 8);
	case 0x8a: return take_long_of(machine, 1);
	case 0x8b: return take_long_of(machine, 4);
	case 'S': case 'V': return take_text_line(machine);
	case 'T': return take_counted(machine, 4, true);
	case 'U': case 0x8c: return take_counted(machine, 1, true);
	case 'X': return take_counted(machine, 4, true);
	case 0x8d: return take_counted(machine, 8, true);
	case 'B': return take_counted(machine, 4, false);
	case 'C': return take_counted(machine, 1, false);
	case 0x8e: case 0x96: return take_counted(machine, 8, false);
	case 0x97: return pickle_push_unknown(machine);
	case 0x98: return true;
	case 'c': return take_global(machine, false);
	case 'i': return take_global(machine, true);
	case 0x93: return take_stack_global(machine);
	case 0x82: return take_extension(machine, 1);
	case 0x83: return take_extension(machine, 2);
	case 0x84: return take_extension(machine, 4);
	case 'R': return pickle_call(machine);
	case 0x81: return drop_then_unknown(machine, 2);
	case 0x92: return drop_then_unknown(machine, 3);
	case 'o': return mark_then_unknown(machine);
	case 'b': return pickle_drop(machine, 1);
	case 'P': return skip_line_then_unknown(machine);
	case 'Q': return pickle_push_persistent(machine);
	case 'p': return take_memo_line(machine, true);
	case 'g': return take_memo_line(machine, false);
	case 'q': return take_memo(machine, 1, true);
	case 'r': return take_memo(machine, 4, true);
	case 'h': return take_memo(machine, 1, false);
	case 'j': return take_memo(machine, 4, false);
	case 0x94: return pickle_put_memo(machine, machine->memo_count);
	default: return pickle_broken(machine, "its pickle has an opcode that no pickle has");
	}
}
/* clang-format on */

/* One pickle, up to its STOP. */
static bool read_one(struct machine *machine)
{
	unsigned char opcode;

	machine->stopped = false;
	machine->stack_count = machine->memo_count = machine->memo_room = 0;
	while (!machine->stopped) {
		if (!header_take(machine->header, &opcode, 1) || !take_opcode(machine, opcode))
			return false;
	}
	return true;
}

/* torch.save before its zips: a magic number, a version and a system's facts, then what was saved, then the data. */
static bool is_old_torch(struct header *header)
{
	static const unsigned char magic[] = {0x80, 2,    0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46,
					      0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};
	unsigned char head[sizeof magic];

	return header_peek(header, head, sizeof head) == sizeof head && memcmp(head, magic, sizeof magic) == 0;
}

void pickle_read(struct header *header)
{
	struct machine machine = {.header = header, .contents = header->contents};
	const size_t pickles = is_old_torch(header) ? 4 : 1;
	bool whole = true;

	if (!header->contents)
		return;
	header->limit = header->size < NCM_LIMIT_PICKLE ? header->size : NCM_LIMIT_PICKLE;
	(void)pickle_push_new(&machine, &(const struct value){.kind = UNKNOWN}); /* AT_UNKNOWN */
	(void)pickle_push_new(&machine, &(const struct value){.kind = MARK});    /* AT_MARK */
	for (size_t i = 0; whole && i < pickles; i++)
		whole = read_one(&machine);
	header->contents->version = machine.protocol;
	header->contents->header = header->at;
	header->contents->imports_are_known = whole;
	header->facts->tensor_count = header->contents->tensor_count;
	traits_tell(&machine.traits, header->facts);
	ncm_text_map_free(&machine.known);
	free(machine.values);
	free(machine.stack);
	free(machine.items);
	free(machine.memo);
	free(machine.tensors);
}
