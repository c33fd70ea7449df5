#ifndef DVHOST_RECORDING_HDF5_DOOR_H
#define DVHOST_RECORDING_HDF5_DOOR_H
/* Between dvhost and libdvhost_hdf5.so, which is opened only when an HDF5 file is asked for: HDF5 and what it needs would slow down
   every start. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DVHOST_HDF5_FLOAT32, DVHOST_HDF5_FLOAT16, DVHOST_HDF5_FLOAT64, DVHOST_HDF5_INT64, DVHOST_HDF5_BOOL };

typedef struct dvhost_hdf5_array {
    const char* name;
    int32_t type;
    int32_t n_dimensions;
    const int64_t* shape;
    const char* const* dimensions;
    const void* values;
    const int64_t* rows; /* which rows of `values` the array is made of, shape[0] of them; null: all, in order */
} dvhost_hdf5_array;

typedef struct dvhost_hdf5_attribute {
    const char* name;
    const char* text;
} dvhost_hdf5_attribute;

typedef struct dvhost_hdf5_content {
    const dvhost_hdf5_array* arrays;
    uint64_t n_arrays;
    const dvhost_hdf5_attribute* attributes;
    uint64_t n_attributes;
} dvhost_hdf5_content;

/* Writes `path`, replacing it. 0, or another number with a sentence in `error`. */
int dvhost_write_hdf5(const char* path, const dvhost_hdf5_content* content, char* error, uint64_t error_size);

#ifdef __cplusplus
}
#endif
#endif
