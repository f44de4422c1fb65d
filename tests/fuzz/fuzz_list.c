/* An image list, or the YAML file of a data set. The first byte says how many images are wanted, and how many are needed. */
#include "fuzz/fuzz.h"

#include "image/dataset.h"
#include "image/list.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    struct image_list *list = NULL;
    struct dataset data;
    struct err err = {0};
    if (n == 0)
        return 0;
    int count = bytes[0] >> 4, min = bytes[0] & 15;
    const char *file = fuzz_file(0, bytes + 1, n - 1);
    fuzz_judge(dataset_read(&data, file, &err), &err);
    dataset_free(&data);
    err = (struct err){0};
    fuzz_judge(image_list_read(&list, file, count, min, &err), &err);
    if (list && (list->count < min || list->count > count))
        abort();
    if (list)
        image_list_holds(list, "/dev/null");
    image_list_free(&list);
    return 0;
}
