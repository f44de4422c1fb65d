#include "pt/machine.h"

int machine_take(struct machine *m, size_t n, const unsigned char **p, struct err *err) {
    if (n > m->n - m->at)
        return err_set(err, ERR_FAILED, "it is cut short");
    *p = m->bytes + m->at;
    m->at += n;
    return 0;
}

int machine_number(struct machine *m, size_t width, uint64_t *v, struct err *err) {
    const unsigned char *p = NULL;
    if (machine_take(m, width, &p, err))
        return -1;
    *v = 0;
    for (size_t i = width; i-- > 0;)
        *v = *v << 8 | p[i];
    return 0;
}

int machine_push(struct machine *m, struct pt_value *v, struct err *err) {
    if (arena_grow(m->arena, (void **)&m->stack, &m->stack_cap, (size_t)m->depth + 1, sizeof *m->stack, err))
        return -1;
    m->stack[m->depth++] = v;
    return 0;
}

unsigned machine_floor(const struct machine *m) {
    return m->n_marks ? m->marks[m->n_marks - 1] : 0;
}

int machine_pop(struct machine *m, struct pt_value **v, struct err *err) {
    if (m->depth == machine_floor(m))
        return err_set(err, ERR_FAILED, "an opcode finds its operand missing");
    *v = m->stack[--m->depth];
    return 0;
}

int machine_top(const struct machine *m, struct pt_value **v, struct err *err) {
    if (m->depth == machine_floor(m))
        return err_set(err, ERR_FAILED, "an opcode finds its operand missing");
    *v = m->stack[m->depth - 1];
    return 0;
}

int machine_unmark(struct machine *m, unsigned *from, struct err *err) {
    if (!m->n_marks)
        return err_set(err, ERR_FAILED, "an opcode finds its mark missing");
    *from = m->marks[--m->n_marks];
    return 0;
}

int machine_mark(struct machine *m, struct err *err) {
    if (arena_grow(m->arena, (void **)&m->marks, &m->marks_cap, (size_t)m->n_marks + 1, sizeof *m->marks,
                   err))
        return -1;
    m->marks[m->n_marks++] = m->depth;
    return 0;
}

/* Picklers number the memo from 0 upwards, and each number takes them a byte or more; an index beyond the
 * pickle's length is only there to make a reader allocate. */
int machine_put(struct machine *m, uint64_t i, struct err *err) {
    struct pt_value *v = NULL;
    if (machine_top(m, &v, err))
        return -1;
    if (i >= m->n)
        return err_set(err, ERR_FAILED, "memo index %llu is out of proportion", (unsigned long long)i);
    if (arena_grow(m->arena, (void **)&m->memo, &m->memo_cap, i + 1, sizeof *m->memo, err))
        return -1;
    m->n_memo += !m->memo[i];
    m->memo[i] = v;
    return 0;
}

int machine_get(struct machine *m, uint64_t i, struct err *err) {
    if (i >= m->memo_cap || !m->memo[i])
        return err_set(err, ERR_FAILED, "memo index %llu was never set", (unsigned long long)i);
    return machine_push(m, m->memo[i], err);
}
