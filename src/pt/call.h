/* What a pickle's calls stand for: the fixed table of callables that src/pt knows, and what becomes of the
 * others. Private to src/pt. */
#ifndef YS_PT_CALL_H
#define YS_PT_CALL_H

#include "pt/node.h"

#include <stdbool.h>

/* The value that callable(*args) would have, as pt/pickle.h says; instance: through __new__ (NEWOBJ), so that
 * callable is a class. Nothing is called. *dicts is the list that new dicts are put on. Errors: ERR_FAILED. */
int pt_call(struct arena *arena, struct pt_value *callable, struct pt_value *args, bool instance,
            struct pt_dict **dicts, struct pt_value **out, struct err *err);

#endif
