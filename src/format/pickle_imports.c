/* SPDX-License-Identifier: MIT */
#include "format/pickle_machine.h"

#include <string.h>

/* What weights need: torch's own for its weights_only (torch/_weights_only_unpickler.py), and numpy's for arrays. */
bool pickle_is_plain_import(const char *name)
{
	static const char *const plain[] = {"collections OrderedDict",
					    "collections defaultdict",
					    "collections Counter",
					    "builtins set",
					    "builtins dict",
					    "builtins list",
					    "builtins bytearray",
					    "builtins complex",
					    "__builtin__ set",
					    "__builtin__ dict",
					    "__builtin__ list",
					    "__builtin__ bytearray",
					    "__builtin__ complex",
					    "_codecs encode",
					    "torch._utils _rebuild_tensor",
					    "torch._utils _rebuild_tensor_v2",
					    "torch._utils _rebuild_tensor_v3",
					    "torch._utils _rebuild_parameter",
					    "torch._utils _rebuild_parameter_with_state",
					    "torch._utils _rebuild_qtensor",
					    "torch._utils _rebuild_sparse_tensor",
					    "torch._utils _rebuild_meta_tensor_no_storage",
					    "torch._utils _rebuild_device_tensor_from_numpy",
					    "torch._tensor _rebuild_from_type_v2",
					    "torch.nn.parameter Parameter",
					    "torch.nn.parameter Buffer",
					    "torch.serialization _get_layout",
					    "torch.storage UntypedStorage",
					    "torch.storage TypedStorage",
					    "torch Tensor",
					    "torch Size",
					    "torch device",
					    "torch dtype",
					    "numpy dtype",
					    "numpy ndarray",
					    "numpy.core.multiarray _reconstruct",
					    "numpy.core.multiarray scalar",
					    "numpy._core.multiarray _reconstruct",
					    "numpy._core.multiarray scalar"};
	static const char *const of_torch[] = {"float16",
					       "float32",
					       "float64",
					       "bfloat16",
					       "half",
					       "float",
					       "double",
					       "int8",
					       "int16",
					       "int32",
					       "int64",
					       "uint8",
					       "uint16",
					       "uint32",
					       "uint64",
					       "bool",
					       "complex64",
					       "complex128",
					       "qint8",
					       "quint8",
					       "qint32",
					       "strided",
					       "float8_e4m3fn",
					       "float8_e5m2",
					       "short",
					       "long",
					       "int",
					       "per_tensor_affine",
					       "per_channel_affine"};
	const size_t length = strlen(name);

	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
		if (strcmp(plain[i], name) == 0)
			return true;
	}
	if (strncmp(name, "torch ", 6) != 0 && strncmp(name, "torch.cuda ", 11) != 0)
		return false;
	if (length > 7 && strcmp(name + length - 7, "Storage") == 0 && !strchr(strchr(name, ' ') + 1, '.'))
		return true;
	for (size_t i = 0; i < sizeof of_torch / sizeof *of_torch; i++) {
		if (strcmp(name + 6, of_torch[i]) == 0)
			return true;
	}
	return false;
}
