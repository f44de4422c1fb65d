/* An image list. The first byte says how many images are wanted, and how many are needed. */
#include "fuzz/fuzz.h"

#include "image/list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct image_list *list = NULL;
    struct err err = {0};
    if (n == 0)
        return 0;
    int count = data[0] >> 4, min = data[0] & 15;
    fuzz_judge(image_list_read(&list, fuzz_file(0, data + 1, n - 1), count, min, &err), &err);
    if (list && (list->count < min || list->count > count))
        abort();
    if (list)
        image_list_holds(list, "/dev/null");
    image_list_free(&list);
    return 0;
}
