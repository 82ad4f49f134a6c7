/*
 * file: documents as lines of a file (NDJSON), one write(2) each with
 * O_APPEND, so that several writers and a reader that follows never see half
 * a line. Rotated by size, opened again on SIGHUP (for logrotate).
 *
 * A line that could not be written whole (disk full) is cut off again, so the
 * file always ends with a newline; the document is reported RETRY_ITEM.
 */
#ifndef OUTPUTS_FILE_H
#define OUTPUTS_FILE_H

#include "outputs/output.h"

extern const struct output_ops file_output;

#endif
