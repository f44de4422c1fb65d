/* Defines `run` for one instruction set: chains of V = OP(V) that do not depend on each other, enough of them
 * to hide the latency of any OP. An includer defines V, ZERO and OP(acc, x). Variables with names of their
 * own stay in registers; an array does not. */
enum { CHAINS = 12 };

#define EACH(DO) DO(a) DO(b) DO(c) DO(d) DO(e) DO(f) DO(g) DO(h) DO(i) DO(j) DO(k) DO(l)
/* The compiler must take each value for unknown, and keep it. */
#define DEFINE(v)                                                                                            \
    V v = ZERO;                                                                                              \
    __asm__ volatile("" : "+x"(v));
#define ADVANCE(v)                                                                                           \
    v = OP(v, x);                                                                                            \
    __asm__ volatile("" : "+x"(v));

static void run(long rounds) {
    DEFINE(x)
    EACH(DEFINE)
    for (long r = 0; r < rounds; r++) {
        EACH(ADVANCE)
    }
}
