/*
 * What nodes say of themselves, as text:
 *
 *   repl hello 1 <id> <role> <state> <promoted_at> <complete_for> <version>
 *   REPL 1 <id> <role> <state> <promoted_at> <complete_for> <version> <go|full|wait|refused>
 *   repl info 1 <id> <role> <state> <promoted_at> <complete_for> <version>
 *
 * Ids are hexadecimal (complete_for also `none` and `any`), the rest decimal.
 */
#ifndef REPL_CORE_NODE_TEXT_H
#define REPL_CORE_NODE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "repl/core/node.h"

/*
 * Writes `1 <id> ... <version>` (no CR LF) and returns its length; out needs NODE_TEXT_BYTES_MAX
 * bytes.
 */
size_t node_text_put(char *out, const struct node_info *info);

/*
 * Reads what node_text_put wrote. *rest points behind it (past one space). False for anything else,
 * another protocol number included.
 */
bool node_text_get(const char *text, struct node_info *info, const char **rest);

#endif
