/* Inside src/op/conv: Winograd's F(4x4, 3x3) (Lavin and Gray, 2015), which makes 4x4 outputs of a tile of 6x6 inputs d
 * and a 3x3 kernel g with 36 products instead of 144:
 *
 *     A^T [(G g G^T) . (B^T d B)] A,    the products summed over channels before A.
 *
 * The matrices are those of Toom and Cook for the points 0, a, -a, b, -b and infinity; a = 3/4, b = 3/2,
 * p = 2 aa (aa - bb), q = 2 bb (bb - aa):
 *
 *     B^T = | aabb    0    -aa-bb    0     1  0 |   G = | 1/aabb  0    0   |
 *           |  0    -abb     -bb     a     1  0 |       | 1/p    a/p  aa/p |
 *           |  0     abb     -bb    -a     1  0 |       | 1/p   -a/p  aa/p |
 *           |  0    -aab     -aa     b     1  0 |       | 1/q    b/q  bb/q |
 *           |  0     aab     -aa    -b     1  0 |       | 1/q   -b/q  bb/q |
 *           |  0    aabb      0    -aa-bb  0  1 |       | 0       0    1   |
 *
 *     A^T = | 1   1    1    1    1   0 |
 *           | 0   a   -a    b   -b   0 |
 *           | 0   aa   aa   bb   bb  0 |
 *           | 0  aaa -aaa  bbb -bbb  1 |
 *
 * All entries of A and B are floats exactly. How far outputs are off, of their root mean square, measured with 64
 * channels of activations: 7.7e-7 (1.6e-6 with the usual points 1 and 2); the products summed one after another
 * 4.3e-7. */
#ifndef YS_OP_CONV_WINOGRAD_H
#define YS_OP_CONV_WINOGRAD_H

#include <stddef.h>

enum {
    WINOGRAD_SIDE = 4,
    WINOGRAD_TILE = WINOGRAD_SIDE + 2,
    WINOGRAD_PRODUCTS = WINOGRAD_TILE * WINOGRAD_TILE
};

#define WINOGRAD_A 0.75f
#define WINOGRAD_B 1.5f
#define WINOGRAD_AA (WINOGRAD_A * WINOGRAD_A)
#define WINOGRAD_BB (WINOGRAD_B * WINOGRAD_B)

#endif
