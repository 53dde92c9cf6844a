package rules

import (
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
)

// codebase is the code without its tests, as the paths of messages need it.
type codebase struct {
	files map[string]*ast.File
	// types are the declared types by directory, then by name.
	types map[string]map[string]*declaredType
}

// declaredType is a type with what is documented of it.
type declaredType struct {
	documentation string
	isInterface   bool
	// methods are those of the type and, with the functions that take it as a parameter, what a function that uses it calls.
	methods []string
	takers  []string
}

func newCodebase(all []source) *codebase {
	c := &codebase{files: map[string]*ast.File{}, types: map[string]map[string]*declaredType{}}
	for _, s := range all {
		if !s.isTest() {
			c.files[s.path] = s.file
			c.addTypes(s)
		}
	}
	for file, parsed := range c.files {
		for _, declaration := range parsed.Decls {
			if function, is := declaration.(*ast.FuncDecl); is {
				c.addFunction(path.Dir(file), function)
			}
		}
	}
	return c
}

func (c *codebase) addTypes(s source) {
	directory := s.directory()
	if c.types[directory] == nil {
		c.types[directory] = map[string]*declaredType{}
	}
	for _, declaration := range s.file.Decls {
		group, is := declaration.(*ast.GenDecl)
		if !is {
			continue
		}
		for _, spec := range group.Specs {
			spec, is := spec.(*ast.TypeSpec)
			if !is {
				continue
			}
			added := &declaredType{documentation: group.Doc.Text() + spec.Doc.Text()}
			if _, isInterface := spec.Type.(*ast.InterfaceType); isInterface {
				added.isInterface = true
				for _, method := range members(spec.Type) {
					added.documentation += method.Doc.Text()
					for _, name := range method.Names {
						added.methods = append(added.methods, name.Name)
					}
				}
			}
			c.types[directory][spec.Name.Name] = added
		}
	}
}

func (c *codebase) addFunction(directory string, function *ast.FuncDecl) {
	types := c.types[directory]
	if receiver := receiverName(function); types[receiver] != nil {
		types[receiver].methods = append(types[receiver].methods, function.Name.Name)
	}
	ast.Inspect(function.Type.Params, func(node ast.Node) bool {
		if name, is := node.(*ast.Ident); is && types[name.Name] != nil {
			types[name.Name].takers = append(types[name.Name].takers, function.Name.Name)
		}
		return true
	})
}

func receiverName(function *ast.FuncDecl) string {
	if function.Recv == nil {
		return ""
	}
	if name := typeName(function.Recv.List[0].Type); name != nil {
		return name.Name
	}
	return ""
}

// function is the one that file declares under a name: that of a function, of a method, or Type.method.
func (c *codebase) function(file, name string) *ast.FuncDecl {
	parsed := c.files[file]
	if parsed == nil {
		return nil
	}
	receiver, method, qualified := strings.Cut(name, ".")
	for _, declaration := range parsed.Decls {
		function, is := declaration.(*ast.FuncDecl)
		switch {
		case !is:
		case qualified && function.Name.Name == method && receiverName(function) == receiver:
			return function
		case !qualified && function.Name.Name == name:
			return function
		}
	}
	return nil
}

// calls reports whether a function of the step calls one of that name.
func (c *codebase) calls(step pathStep, name string) bool {
	return c.mentions(step, func(node ast.Node) bool {
		call, is := node.(*ast.CallExpr)
		if !is {
			return false
		}
		called := typeName(call.Fun)
		return called != nil && called.Name == name
	})
}

// mentions reports whether what finds holds for a node in the body of a function of the step.
func (c *codebase) mentions(step pathStep, holds func(ast.Node) bool) bool {
	found := false
	for _, name := range step.functions {
		function := c.function(step.file, name)
		if function == nil || function.Body == nil {
			continue
		}
		ast.Inspect(function.Body, func(node ast.Node) bool {
			found = found || node != nil && holds(node)
			return !found
		})
	}
	return found
}

// lookUp finds the type that a step calls Type or package.Type.
func (c *codebase) lookUp(step pathStep, name string) *declaredType {
	directory := path.Dir(step.file)
	if qualifier, rest, qualified := strings.Cut(name, "."); qualified {
		directory, name = qualifier, rest
	}
	return c.types[directory][name]
}

// uses reports whether a function of the step names a type, calls a method of it or passes one on.
func (c *codebase) uses(step pathStep, name string) bool {
	used := c.lookUp(step, name)
	if used == nil {
		return false
	}
	short := name[strings.LastIndex(name, ".")+1:]
	return c.mentions(step, func(node ast.Node) bool {
		identifier, is := node.(*ast.Ident)
		return is && (identifier.Name == short || slices.Contains(used.methods, identifier.Name) || slices.Contains(used.takers, identifier.Name))
	})
}

// documents reports whether the documentation of the type through names the function target of the file to. Of an interface's
// method it is enough that it names the type that implements it. Documentation of another package also names the package, as
// in fanout.loop or in "package fanout the loop".
func (c *codebase) documents(from pathStep, through, to string, target *ast.FuncDecl) bool {
	used := c.lookUp(from, through)
	if used == nil {
		return false
	}
	named := func(word string) bool {
		return regexp.MustCompile(`\b` + regexp.QuoteMeta(word) + `\b`).MatchString(used.documentation)
	}
	own := c.lookUp(pathStep{file: to}, through[strings.LastIndex(through, ".")+1:]) == used
	implements := used.isInterface && slices.Contains(used.methods, target.Name.Name)
	return (own || named(path.Base(path.Dir(to)))) && slices.ContainsFunc(titles(target, implements), named)
}

// titles are the names by which documentation in its own package may call a function.
func titles(target *ast.FuncDecl, asImplementer bool) []string {
	receiver := receiverName(target)
	switch {
	case receiver == "":
		return []string{target.Name.Name}
	case asImplementer:
		return []string{receiver, receiver + "." + target.Name.Name}
	}
	return []string{receiver + "." + target.Name.Name}
}

// isIndirect reports whether a call of target from one file to another may go by way of an interface.
func (c *codebase) isIndirect(from, to string, target *ast.FuncDecl) bool {
	switch home := path.Dir(from); {
	case from == to:
		return false
	case home == path.Dir(to):
		return target.Recv != nil && c.isInterfaceMethod(home, target.Name.Name)
	default:
		return !c.imports(home, path.Dir(to))
	}
}

// title is the full name by which documentation may call a function.
func (c *codebase) title(file string, target *ast.FuncDecl) string {
	return path.Base(path.Dir(file)) + "." + titles(target, false)[0]
}

func (c *codebase) isInterfaceMethod(directory, name string) bool {
	for _, declared := range c.types[directory] {
		if declared.isInterface && slices.Contains(declared.methods, name) {
			return true
		}
	}
	return false
}

// imports reports whether a package imports another one of the repository.
func (c *codebase) imports(directory, imported string) bool {
	for file, parsed := range c.files {
		if path.Dir(file) == directory && slices.ContainsFunc(parsed.Imports, func(spec *ast.ImportSpec) bool {
			return importPath(spec) == module+"/"+imported
		}) {
			return true
		}
	}
	return false
}
