/* What ModelOpt ONNX leaves in 16 bits, against its rules written once more, line by line. */
#include "deploy/target.h"
#include "test.h"

/* find_nodes_from_convs_to_exclude, as its Python has it. */
static bool leaves(int out, int in, int kh, int kw, int group, bool first, bool fp8) {
    if (out < 16 || in < 16) {
        if (!fp8) {
            if (group == 1 && (out % 8 == 0 || in % 8 == 0) && (first || (out >= 16 || in >= 16)) && kh == kw)
                return false;
            if (group > 1 && out % 8 == 0 && kh >= 3 && kw >= 3)
                return false;
        }
        return true;
    }
    if (fp8 && kh * kw > 32)
        return true;
    return fp8 && (out <= 16 || in <= 16);
}

static void check_rules(void) {
    static const int channels[] = {1, 3, 4, 8, 12, 15, 16, 17, 24, 32, 80, 84};
    static const int sides[] = {1, 2, 3, 5, 6, 7};
    int wrong = 0, checked = 0;
    for (size_t o = 0; o < 12; o++)
        for (size_t i = 0; i < 12; i++)
            for (size_t k = 0; k < 36; k++)
                for (int group = 1; group <= 80; group += 79)
                    for (int bits = 0; bits < 4; bits++) {
                        const int shape[] = {channels[o], channels[i], sides[k / 6], sides[k % 6]};
                        checked++;
                        wrong += target_modelopt_leaves(shape, group, bits & 1, bits & 2) !=
                                 leaves(shape[0], shape[1], shape[2], shape[3], group, bits & 1, bits & 2);
                    }
    CHECK(!wrong && checked > 40000, "ModelOpt ONNX's rules of %d shapes, %d wrong", checked, wrong);
}

int main(void) {
    check_rules();
    return test_end();
}
