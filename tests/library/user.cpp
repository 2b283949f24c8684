// SPDX-License-Identifier: MIT
// The same program in C++: the headers say that the functions are C's.
#include "user.c"
