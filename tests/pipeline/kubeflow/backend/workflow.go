// Prints the Argo workflow that Kubeflow Pipelines' API server makes of a pipeline's file.
//
// Built within a checkout of github.com/kubeflow/pipelines; see test_kfp_backend.py.
package main

import (
	"fmt"
	"os"

	"github.com/kubeflow/pipelines/backend/src/apiserver/config/proxy"
	"github.com/kubeflow/pipelines/backend/src/apiserver/model"
	"github.com/kubeflow/pipelines/backend/src/apiserver/template"
)

func main() {
	workflow, err := workflowOf(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(workflow)
}

func workflowOf(path string) (string, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	proxy.InitializeConfig("", "", "")
	pipeline, err := template.New(file, template.TemplateOptions{})
	if err != nil {
		return "", err
	}
	run := &model.Run{UUID: "run", DisplayName: "run"}
	workflow, err := pipeline.RunWorkflow(run, template.RunWorkflowOptions{RunID: run.UUID})
	if err != nil {
		return "", err
	}
	return workflow.ToStringForStore(), nil
}
