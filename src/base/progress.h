/* How a library tells how far it is: whoever wants to know passes a function. */
#ifndef YS_BASE_PROGRESS_H
#define YS_BASE_PROGRESS_H

/* `what` ("scoring image") is at `done` of `total`; of: NULL, or words that follow the count ("22 cells"). The
 * first call of a piece of work says how much of it was done already. what NULL: it is over. Called by one
 * thread at a time. */
typedef void progress_fn(const char *what, long done, long total, const char *of);

#endif
