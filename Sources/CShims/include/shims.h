// C interfaces that Swift cannot call as they are (variadics, macros, structures it does not import).
#pragma once
#include <stddef.h>
#include <stdint.h>
